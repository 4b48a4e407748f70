import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { readJson, readSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import { issueError } from '../../schema-issue.js';
import type { HostTensor } from '../../tensor/index.js';
import { type ClipConfig, parseClipConfig } from '../config.js';
import { clipPreprocess, type PreprocessConfig } from '../preprocess/preprocess-config.js';
import type { ClipWeights } from './checkpoint.js';
import { checkParams } from './params.js';

const size = z.int().positive();
const three = z.tuple([z.number(), z.number(), z.number()]);
// Defaults are those of OpenCLIP's CLIPVisionCfg and CLIPTextCfg.
const openClipConfig = z.object({
  model_cfg: z.object({
    embed_dim: size,
    quick_gelu: z.boolean().default(false),
    init_logit_scale: z.number().default(Math.log(1 / 0.07)),
    vision_cfg: z.object({
      timm_model_name: z.string().optional(),
      layers: z.union([size, z.array(size).max(8)]).default(12),
      width: size.default(768),
      head_width: size.default(64),
      mlp_ratio: z.number().positive().default(4),
      patch_size: size.default(16),
      image_size: z.union([size, z.tuple([size, size])]).default(224),
      attentional_pool: z.unknown().optional(),
      pool_type: z.string().default('tok'),
    }),
    text_cfg: z.object({
      hf_model_name: z.string().optional(),
      context_length: size.default(77),
      vocab_size: size.default(49408),
      width: size.default(512),
      heads: size.default(8),
      layers: size.default(12),
      mlp_ratio: z.number().positive().default(4),
      embed_cls: z.boolean().default(false),
      pool_type: z.string().default('argmax'),
    }),
    multimodal_cfg: z.unknown().optional(),
  }),
  preprocess_cfg: z
    .object({
      mean: three.optional(),
      std: three.optional(),
      interpolation: z.string().optional(),
      resize_mode: z.string().optional(),
    })
    .default({}),
});

/**
 * Reads an OpenCLIP folder (`open_clip_config.json`, `open_clip_model.safetensors`) into the Hugging Face form: fused
 * input projections are split, the two output projections transposed; the activation is exact GELU unless the config
 * says `quick_gelu`. The text tower lies at the root, or under `text.`.
 *
 * @throws UserError where the model is no plain CLIP (timm or Hugging Face towers, ResNets, CoCa, attentional pooling).
 */
export async function loadOpenClip(folder: string): Promise<ClipWeights> {
  const configFile = join(folder, 'open_clip_config.json');
  const { config, preprocess } = parseOpenClipConfig(await readJson(configFile), configFile);
  const file = join(folder, 'open_clip_model.safetensors');
  if (!existsSync(file)) {
    throw new UserError(
      `${file}: no such file: a .bin or .pt file is converted in Python with safetensors.torch.save_file`,
    );
  }
  const { tensors } = readSafetensors(file, { skip: (name) => name === 'attn_mask' || name === 'text.attn_mask' });
  return { config, params: checkParams(fromOpenClip(tensors), config, file), preprocess };
}

/** OpenCLIP's configuration in Hugging Face's terms. */
export function parseOpenClipConfig(
  json: unknown,
  file = 'open_clip_config.json',
): { config: ClipConfig; preprocess: PreprocessConfig } {
  const parsed = openClipConfig.safeParse(withoutNulls(json), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const { model_cfg: model, preprocess_cfg: pre } = parsed.data;
  const { vision_cfg: vision, text_cfg: text } = model;
  const refuse = (field: string, what: string): never => {
    throw new UserError(`${file}: ${field}: ${what} not supported: expected a model of two plain CLIP Transformers`);
  };
  if (vision.timm_model_name)
    refuse('model_cfg.vision_cfg.timm_model_name', `the timm tower ${vision.timm_model_name} is`);
  if (text.hf_model_name)
    refuse('model_cfg.text_cfg.hf_model_name', `the Hugging Face text tower ${text.hf_model_name} is`);
  if (typeof vision.layers !== 'number') return refuse('model_cfg.vision_cfg.layers', 'ResNet towers are');
  if (vision.attentional_pool) refuse('model_cfg.vision_cfg.attentional_pool', 'attentional pooling is');
  if (vision.pool_type !== 'tok') refuse('model_cfg.vision_cfg.pool_type', `"${vision.pool_type}" pooling is`);
  if (text.embed_cls || model.multimodal_cfg) refuse('model_cfg', 'CoCa is');
  if (text.pool_type !== 'argmax') refuse('model_cfg.text_cfg.pool_type', `"${text.pool_type}" pooling is`);
  const [height, width] =
    typeof vision.image_size === 'number' ? [vision.image_size, vision.image_size] : vision.image_size;
  if (height !== width) refuse('model_cfg.vision_cfg.image_size', `${height}×${width}, not square, is`);
  if (vision.width % vision.head_width)
    refuse('model_cfg.vision_cfg.head_width', `${vision.head_width}, no divisor of width ${vision.width}, is`);

  const activation = model.quick_gelu ? 'quick_gelu' : 'gelu';
  const config = parseClipConfig(
    {
      projection_dim: model.embed_dim,
      logit_scale_init_value: model.init_logit_scale,
      text_config: {
        hidden_size: text.width,
        intermediate_size: Math.trunc(text.width * text.mlp_ratio),
        num_hidden_layers: text.layers,
        num_attention_heads: text.heads,
        vocab_size: text.vocab_size,
        max_position_embeddings: text.context_length,
        hidden_act: activation,
        // CLIP's tokenizer has start and end token last; OpenCLIP pools at the largest id.
        bos_token_id: text.vocab_size - 2,
        eos_token_id: text.vocab_size - 1,
        pad_token_id: 0,
      },
      vision_config: {
        hidden_size: vision.width,
        intermediate_size: Math.trunc(vision.width * vision.mlp_ratio),
        num_hidden_layers: vision.layers,
        num_attention_heads: vision.width / vision.head_width,
        image_size: height,
        patch_size: vision.patch_size,
        hidden_act: activation,
      },
    },
    file,
  );
  const clip = clipPreprocess(height);
  const mode = pre.resize_mode ?? 'shortest';
  if (mode !== 'shortest' && mode !== 'squash') refuse('preprocess_cfg.resize_mode', `"${mode}" is`);
  const squash = mode === 'squash';
  const preprocess: PreprocessConfig = {
    ...clip,
    resize: squash ? [height, height] : height,
    crop: !squash,
    resample: pre.interpolation === 'bilinear' ? 2 : 3,
    mean: pre.mean ?? clip.mean,
    std: pre.std ?? clip.std,
  };
  return { config, preprocess };
}

/** A JSON value in which null stands for a missing field, without its nulls. */
function withoutNulls(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const fields = Object.entries(json).filter(([, value]) => value !== null);
  return Object.fromEntries(fields.map(([name, value]) => [name, withoutNulls(value)]));
}

/** OpenCLIP's names of whole parameters, and Hugging Face's. */
const NAMES: Readonly<Record<string, string>> = {
  logit_scale: 'logit_scale',
  'visual.class_embedding': 'vision_model.embeddings.class_embedding',
  'visual.positional_embedding': 'vision_model.embeddings.position_embedding.weight',
  'visual.conv1.weight': 'vision_model.embeddings.patch_embedding.weight',
  'visual.ln_pre.weight': 'vision_model.pre_layrnorm.weight',
  'visual.ln_pre.bias': 'vision_model.pre_layrnorm.bias',
  'visual.ln_post.weight': 'vision_model.post_layernorm.weight',
  'visual.ln_post.bias': 'vision_model.post_layernorm.bias',
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'ln_final.weight': 'text_model.final_layer_norm.weight',
  'ln_final.bias': 'text_model.final_layer_norm.bias',
  'text_projection.weight': 'text_projection.weight', // a linear layer in some text towers: already [P, D]
};

const LAYER_NAMES: Readonly<Record<string, string>> = {
  'attn.out_proj': 'self_attn.out_proj',
  ln_1: 'layer_norm1',
  ln_2: 'layer_norm2',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};

/** OpenCLIP's parameters by Hugging Face's names. Unknown ones keep theirs, to be reported as unexpected. */
export function fromOpenClip(tensors: Readonly<Record<string, HostTensor>>): Params {
  const params: Params = {};
  for (const [original, tensor] of Object.entries(tensors)) {
    const name = original.replace(/^text\./, '');
    if (name === 'visual.proj')
      params['visual_projection.weight'] = transposed(tensor); // [D, P] → [P, D]
    else if (name === 'text_projection') params['text_projection.weight'] = transposed(tensor);
    else if (Object.hasOwn(NAMES, name)) params[NAMES[name]!] = tensor;
    else Object.assign(params, fromLayer(name, tensor) ?? { [original]: tensor });
  }
  return params;
}

function fromLayer(name: string, tensor: HostTensor): Params | undefined {
  const match = /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)$/.exec(name);
  if (!match) return undefined;
  const [, visual, layer, part, kind] = match as unknown as [string, string | undefined, string, string, string];
  const prefix = `${visual ? 'vision_model' : 'text_model'}.encoder.layers.${layer}`;
  if (part === 'attn.in_proj') {
    const width = (tensor.shape[0] ?? 0) / 3; // [3D, D] or [3D]: query, key, value
    const elements = tensor.data.length / 3;
    if (!Number.isInteger(width)) return undefined;
    return Object.fromEntries(
      ['q_proj', 'k_proj', 'v_proj'].map((p, i) => {
        const data = tensor.data.slice(i * elements, (i + 1) * elements);
        return [`${prefix}.self_attn.${p}.${kind}`, { shape: [width, ...tensor.shape.slice(1)], data }];
      }),
    );
  }
  return Object.hasOwn(LAYER_NAMES, part) ? { [`${prefix}.${LAYER_NAMES[part]}.${kind}`]: tensor } : undefined;
}

function transposed({ shape, data }: HostTensor): HostTensor {
  const [rows = 1, columns = 1] = shape;
  const out = data.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]!;
  return { shape: [columns, rows], data: out };
}
