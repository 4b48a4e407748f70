import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { readJson, readSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { ClipWeights } from './checkpoint.js';
import { parseOpenClipConfig } from './openclip-config.js';
import { checkParams } from './params.js';

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
