import { z } from 'zod';
import { UserError } from '../../errors.js';
import { issueError, show } from '../../schema-issue.js';
import { type ClipConfig, parseClipConfig } from '../config.js';
import { openClipPreprocess } from '../preprocess/openclip-preprocess.js';
import type { PreprocessConfig } from '../preprocess/preprocess-config.js';

const size = z.int().positive();
const arithmetic = {
  width: size,
  mlp_ratio: z.number().positive().default(4),
  act_kwargs: z.strictObject({ approximate: z.enum(['none', 'tanh']).optional() }).default({}),
  norm_kwargs: z.strictObject({ eps: z.number().positive().optional() }).default({}),
};
// Defaults are those of OpenCLIP's CLIPVisionCfg and CLIPTextCfg.
const visionCfg = z.looseObject({
  ...arithmetic,
  timm_model_name: z.string().optional(),
  layers: z.union([size, z.array(size).max(8)]).default(12),
  width: size.default(768),
  head_width: size.default(64),
  patch_size: size.default(16),
  image_size: z.union([size, z.tuple([size, size])]).default(224),
  pool_type: z.string().default('tok'),
});
const textCfg = z.looseObject({
  ...arithmetic,
  hf_model_name: z.string().optional(),
  context_length: size.default(77),
  vocab_size: size.default(49408),
  width: size.default(512),
  heads: size.default(8),
  layers: size.default(12),
  pool_type: z.string().default('argmax'),
  eos_id: z.int().optional(),
});
const openClipConfig = z.object({
  model_cfg: z.looseObject({
    embed_dim: size,
    quick_gelu: z.boolean().default(false),
    init_logit_scale: z.number().default(Math.log(1 / 0.07)),
    vision_cfg: visionCfg,
    text_cfg: textCfg,
  }),
  preprocess_cfg: z.unknown(),
});

/** Fields that do not change what a plain CLIP model computes: of training, of names, of poolers that are not used. */
const without: Readonly<Record<string, readonly string[]>> = {
  model_cfg: ['custom_text', 'nonscalar_logit_scale', 'cast_dtype', 'output_dict'],
  'model_cfg.vision_cfg': [
    ...['patch_dropout', 'drop_path_rate', 'output_tokens', 'final_ln_after_pool'],
    ...['attn_pooler_queries', 'attn_pooler_heads', 'n_queries'],
    ...['timm_model_pretrained', 'timm_pool', 'timm_proj', 'timm_proj_bias', 'timm_drop', 'timm_drop_path'],
  ],
  'model_cfg.text_cfg': [
    ...['output_tokens', 'final_ln_after_pool', 'pad_id', 'hf_tokenizer_name'],
    ...['hf_model_pretrained', 'hf_proj_type', 'hf_pooler_type', 'proj', 'pooler_type'],
  ],
};
/** Values of further fields that stand for the plain model. */
const plain: Readonly<Record<string, unknown>> = {
  pos_embed_type: 'learnable',
  proj_type: 'linear',
  block_type: 'default',
};

/**
 * OpenCLIP's configuration in Hugging Face's terms.
 *
 * @throws UserError naming the field where the model is no plain CLIP (timm or Hugging Face towers, ResNets, CoCa, other
 *   poolings and attentions): every field is used, known to change nothing, or refused
 */
export function parseOpenClipConfig(
  json: unknown,
  file = 'open_clip_config.json',
): { config: ClipConfig; preprocess: PreprocessConfig } {
  const parsed = openClipConfig.safeParse(withoutNulls(json), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const { model_cfg: model, preprocess_cfg } = parsed.data;
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
  // OpenCLIP pools at the largest id, or at one that it is told: the same where that is the last one.
  const end = text.vocab_size - 1;
  if (text.pool_type !== 'argmax' && !(text.pool_type === 'eos' && text.eos_id === end))
    refuse('model_cfg.text_cfg.pool_type', `"${text.pool_type}" pooling is`);
  for (const [where, fields, schema] of [
    ['model_cfg', model, openClipConfig.shape.model_cfg],
    ['model_cfg.vision_cfg', vision, visionCfg],
    ['model_cfg.text_cfg', text, textCfg],
  ] as const) {
    const field = unknownField(fields, [...Object.keys(schema.shape), ...without[where]!]);
    if (field) refuse(`${where}.${field}`, `${show((fields as Record<string, unknown>)[field])} is`);
  }
  const [height, width] =
    typeof vision.image_size === 'number' ? [vision.image_size, vision.image_size] : vision.image_size;
  if (height !== width) refuse('model_cfg.vision_cfg.image_size', `${height}×${width}, not square, is`);
  if (vision.width % vision.head_width)
    refuse('model_cfg.vision_cfg.head_width', `${vision.head_width}, no divisor of width ${vision.width}, is`);
  const activation = (tower: string, { approximate }: { readonly approximate?: 'none' | 'tanh' | undefined }) => {
    if (!model.quick_gelu) return approximate === 'tanh' ? 'gelu_pytorch_tanh' : 'gelu';
    if (approximate) refuse(`model_cfg.${tower}.act_kwargs`, `approximate "${approximate}" beside quick_gelu is`);
    return 'quick_gelu';
  };

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
        hidden_act: activation('text_cfg', text.act_kwargs),
        layer_norm_eps: text.norm_kwargs.eps,
        // CLIP's tokenizer has start and end token last.
        bos_token_id: end - 1,
        eos_token_id: end,
        pad_token_id: 0,
      },
      vision_config: {
        hidden_size: vision.width,
        intermediate_size: Math.trunc(vision.width * vision.mlp_ratio),
        num_hidden_layers: vision.layers,
        num_attention_heads: vision.width / vision.head_width,
        image_size: height,
        patch_size: vision.patch_size,
        hidden_act: activation('vision_cfg', vision.act_kwargs),
        layer_norm_eps: vision.norm_kwargs.eps,
      },
    },
    file,
  );
  return { config, preprocess: openClipPreprocess(preprocess_cfg ?? {}, height, file, 'preprocess_cfg') };
}

/** A field that is not among the known ones and says something. */
function unknownField(fields: object, known: readonly string[]): string | undefined {
  return Object.entries(fields).find(
    ([name, value]) => !known.includes(name) && plain[name] !== value && !isNothing(value),
  )?.[0];
}

const isNothing = (value: unknown): boolean =>
  !value || (typeof value === 'object' && Object.keys(value as object).length === 0);

/** A JSON value in which null stands for a missing field, without its nulls. */
function withoutNulls(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const fields = Object.entries(json).filter(([, value]) => value !== null);
  return Object.fromEntries(fields.map(([name, value]) => [name, withoutNulls(value)]));
}
