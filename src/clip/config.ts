import { z } from 'zod';
import { UserError } from '../errors.js';
import { issueError, show } from '../schema-issue.js';
import { families } from './family.js';

/** Longest side of the square that a vision tower takes, in pixels. */
export const MAX_EDGE = 4096;
/** Most tokens of a text. */
export const MAX_POSITIONS = 65_536;

// Far above every model there is, and so low that a file that lies costs nothing before its weights are looked at.
const size = z.int().positive().max(1_048_576);
const vocabulary = z.int().positive().max(16_777_216);
const positions = z.int().min(2).max(MAX_POSITIONS);
const edge = z.int().positive().max(MAX_EDGE);
const layers = z.int().positive().max(1024);
const activation = z.enum(['quick_gelu', 'gelu', 'gelu_pytorch_tanh']);
const epsilon = z.number().positive();

// Defaults are those of Hugging Face's CLIPTextConfig and CLIPVisionConfig: published files leave out what equals them.
const textConfig = z.object({
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_hidden_layers: layers.default(12),
  num_attention_heads: size.default(8),
  vocab_size: vocabulary.default(49408),
  /** Rank of a factorised token table; Hugging Face has none. */
  token_rank: size.optional(),
  max_position_embeddings: positions.default(77),
  hidden_act: activation.default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  bos_token_id: z.int().default(49406),
  eos_token_id: z.int().default(49407),
  pad_token_id: z.int().default(1),
});

const visionConfig = z.object({
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_hidden_layers: layers.default(12),
  num_attention_heads: size.default(12),
  image_size: edge.default(224),
  patch_size: edge.default(32),
  hidden_act: activation.default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  num_channels: z.literal(3).default(3),
});

// SigLIP's and SigLIP 2's, as SiglipTextConfig and SiglipVisionConfig.
const siglipTower = {
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_attention_heads: size.default(12),
  hidden_act: activation.default('gelu_pytorch_tanh'),
  layer_norm_eps: epsilon.default(1e-6),
};
const siglipConfig = z.object({
  text_config: textConfig
    .extend({
      ...siglipTower,
      vocab_size: size.default(32000),
      max_position_embeddings: positions.default(64),
      projection_size: size.optional(),
    })
    .prefault({}),
  vision_config: visionConfig
    .extend({
      ...siglipTower,
      patch_size: edge.default(16),
      vision_use_head: z.literal(true, { error: 'true: without its head the tower gives no embedding' }).optional(),
    })
    .prefault({}),
});

const clipConfig = z.object({
  /** Left out for CLIP. */
  model_type: z.literal('siglip').optional(),
  projection_dim: size.default(512),
  logit_scale_init_value: z.number().default(2.6592),
  text_config: textConfig,
  vision_config: visionConfig,
});

/**
 * The shape of a CLIP or SigLIP model, by Hugging Face's names. SigLIP's joint space is as wide as its vision tower;
 * its special tokens are the tokenizer's. CLIP's `eos_token_id` 2 asks for the old pooling: see `eosPositions`. */
export type ClipConfig = z.infer<typeof clipConfig>;

/** Whether a model has SigLIP's towers: no class token, no causal mask, pooling by heads, texts of one length. */
export const isSiglip = ({ model_type }: ClipConfig): boolean => model_type === 'siglip';

/**
 * Checks a Hugging Face `config.json` of CLIP, SigLIP or SigLIP 2. Missing fields get CLIP's defaults. As there, a
 * `text_config_dict` or `vision_config_dict` of the older files wins over `text_config` and `vision_config`, with its
 * own defaults.
 *
 * @param file named in errors.
 * @throws UserError naming file and field, what was expected and what came.
 */
export function parseClipConfig(json: unknown, file = 'config.json'): ClipConfig {
  if (!isRecord(json)) throw new UserError(`${file}: expected a JSON object`);
  const { model_type: type } = json;
  if (type === 'siglip') return checkTowers(parseSiglip(json, file), file);
  if (type === 'siglip2') {
    throw new UserError(
      `${file}: model_type: expected a model of one image size, got "siglip2", whose images vary (NaFlex): use a SigLIP 2 of fixed resolution, as google/siglip2-base-patch16-224`,
    );
  }
  if (type !== undefined && type !== 'clip') {
    throw new UserError(
      `${file}: model_type: expected "clip" or "siglip", got ${show(type)}: only CLIP and SigLIP models are supported`,
    );
  }
  const merged = {
    ...withoutNulls(json),
    model_type: undefined,
    text_config: mergeOld(json, 'text_config', textConfig, file),
    vision_config: mergeOld(json, 'vision_config', visionConfig, file),
  };
  const parsed = clipConfig.safeParse(merged, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const { model_type: _, ...config } = parsed.data;
  return checkTowers(config, file);
}

/** SigLIP's fields; where they lack, transformers' defaults. */
function parseSiglip(json: Record<string, unknown>, file: string): ClipConfig {
  const given = (name: string) => {
    const tower = json[name] ?? {};
    if (!isRecord(tower)) throw new UserError(`${file}: ${name}: expected an object, got ${show(tower)}`);
    return withoutNulls(tower);
  };
  const towers = { text_config: given('text_config'), vision_config: given('vision_config') };
  const parsed = siglipConfig.safeParse(towers, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const { projection_size, ...text_config } = parsed.data.text_config;
  const { vision_use_head: _, ...vision_config } = parsed.data.vision_config;
  const { hidden_size: width } = vision_config;
  if ((projection_size ?? text_config.hidden_size) !== width) {
    throw new UserError(
      `${file}: text_config.projection_size: expected ${width}, vision_config.hidden_size, got ${projection_size ?? text_config.hidden_size}`,
    );
  }
  const logit_scale_init_value = Math.log(10); // Zhai et al. 2023, section 3.2
  return { model_type: 'siglip', projection_dim: width, logit_scale_init_value, text_config, vision_config };
}

function checkTowers(config: ClipConfig, file: string): ClipConfig {
  for (const tower of ['text_config', 'vision_config'] as const) {
    const { hidden_size: width, num_attention_heads: heads } = config[tower];
    if (width % heads !== 0) {
      throw new UserError(
        `${file}: ${tower}.num_attention_heads: expected a divisor of hidden_size ${width}, got ${heads}`,
      );
    }
  }
  const { image_size: image, patch_size: patch } = config.vision_config;
  if (image % patch !== 0) {
    throw new UserError(`${file}: vision_config.image_size: expected a multiple of patch_size ${patch}, got ${image}`);
  }
  return config;
}

/** The `config.json` of a model, as Hugging Face writes it: the towers carry `projection_dim` too, to load alone. */
export function clipConfigJson(config: ClipConfig): object {
  const { projection_dim, logit_scale_init_value, text_config, vision_config } = config;
  if (isSiglip(config)) {
    return {
      architectures: [families.siglip.modelClass],
      model_type: 'siglip',
      text_config: { model_type: 'siglip_text_model', ...text_config, projection_size: projection_dim },
      vision_config: { model_type: 'siglip_vision_model', ...vision_config },
    };
  }
  return {
    architectures: [families.clip.modelClass],
    model_type: 'clip',
    projection_dim,
    logit_scale_init_value,
    text_config: { model_type: 'clip_text_model', ...text_config, projection_dim },
    vision_config: { model_type: 'clip_vision_model', ...vision_config, projection_dim },
  };
}

function mergeOld(
  json: Record<string, unknown>,
  name: 'text_config' | 'vision_config',
  schema: z.ZodType,
  file: string,
) {
  const read = (key: string) => {
    const value = json[key] ?? {};
    if (!isRecord(value)) throw new UserError(`${file}: ${key}: expected an object, got ${show(value)}`);
    return withoutNulls(value);
  };
  const config = read(name);
  const old = json[`${name}_dict`];
  if (old === undefined || old === null) return config;
  const parsed = schema.safeParse(read(`${name}_dict`), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file, `${name}_dict`);
  return { ...config, ...(parsed.data as object) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutNulls(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
