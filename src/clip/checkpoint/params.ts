import { UserError } from '../../errors.js';
import { firstNotFinite } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import { brief } from '../../schema-issue.js';
import { type ClipConfig, isSiglip } from '../config.js';
import { tokenProjection, tokenTable } from '../towers/token-table.js';

/** Name and shape of every parameter of a model, in the names of Hugging Face's `CLIPModel` or `SiglipModel`, and of {@link tokenProjection}. */
export function expectedParams(config: ClipConfig): Record<string, readonly number[]> {
  if (isSiglip(config)) return siglipParams(config);
  const { text_config: text, vision_config: vision, projection_dim: projection } = config;
  const { hidden_size: width, patch_size: patch, num_channels: channels } = vision;
  return {
    logit_scale: [],
    ...tokens(text),
    'text_model.embeddings.position_embedding.weight': [text.max_position_embeddings, text.hidden_size],
    ...encoder('text_model', text),
    ...norm('text_model.final_layer_norm', text.hidden_size),
    'vision_model.embeddings.class_embedding': [width],
    'vision_model.embeddings.patch_embedding.weight': [width, channels, patch, patch],
    'vision_model.embeddings.position_embedding.weight': [(vision.image_size / patch) ** 2 + 1, width],
    ...norm('vision_model.pre_layrnorm', width), // the missing letter is Hugging Face's
    ...encoder('vision_model', vision),
    ...norm('vision_model.post_layernorm', width),
    'visual_projection.weight': [projection, width],
    'text_projection.weight': [projection, text.hidden_size],
  };
}

function siglipParams({ text_config: text, vision_config: vision, projection_dim }: ClipConfig): Shapes {
  const { hidden_size: width, intermediate_size: inner, patch_size: patch, num_channels: channels } = vision;
  return {
    logit_scale: [1],
    logit_bias: [1],
    ...tokens(text),
    'text_model.embeddings.position_embedding.weight': [text.max_position_embeddings, text.hidden_size],
    ...encoder('text_model', text),
    ...norm('text_model.final_layer_norm', text.hidden_size),
    ...linear('text_model.head', text.hidden_size, projection_dim),
    'vision_model.embeddings.patch_embedding.weight': [width, channels, patch, patch],
    'vision_model.embeddings.patch_embedding.bias': [width],
    'vision_model.embeddings.position_embedding.weight': [(vision.image_size / patch) ** 2, width],
    ...encoder('vision_model', vision),
    ...norm('vision_model.post_layernorm', width),
    'vision_model.head.probe': [1, 1, width],
    'vision_model.head.attention.in_proj_weight': [3 * width, width],
    'vision_model.head.attention.in_proj_bias': [3 * width],
    ...linear('vision_model.head.attention.out_proj', width, width),
    ...norm('vision_model.head.layernorm', width),
    ...linear('vision_model.head.mlp.fc1', width, inner),
    ...linear('vision_model.head.mlp.fc2', inner, width),
  };
}

type Shapes = Record<string, readonly number[]>;

function tokens({ vocab_size: rows, hidden_size: width, token_rank: rank }: ClipConfig['text_config']): Shapes {
  return { [tokenTable]: [rows, rank ?? width], ...(rank !== undefined && { [tokenProjection]: [width, rank] }) };
}

function encoder(
  tower: string,
  config: { num_hidden_layers: number; hidden_size: number; intermediate_size: number },
): Shapes {
  const { hidden_size: width, intermediate_size: inner } = config;
  const shapes: Shapes = {};
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `${tower}.encoder.layers.${i}`;
    for (const p of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      Object.assign(shapes, linear(`${layer}.self_attn.${p}`, width, width));
    Object.assign(shapes, norm(`${layer}.layer_norm1`, width), norm(`${layer}.layer_norm2`, width));
    Object.assign(shapes, linear(`${layer}.mlp.fc1`, width, inner), linear(`${layer}.mlp.fc2`, inner, width));
  }
  return shapes;
}

const linear = (name: string, from: number, to: number): Shapes => ({
  [`${name}.weight`]: [to, from],
  [`${name}.bias`]: [to],
});
const norm = (name: string, width: number): Shapes => ({ [`${name}.weight`]: [width], [`${name}.bias`]: [width] });

/** Position numbers that older versions of transformers saved: constants, not parameters. */
export function isBuffer(name: string): boolean {
  return name.endsWith('.position_ids');
}

/**
 * Accounts for every tensor of a checkpoint: none missing, none unexpected, each of its shape, each finite.
 *
 * @returns the parameters in the order of `expectedParams`.
 * @throws UserError naming the tensors at fault.
 */
export function checkParams(params: Params, config: ClipConfig, file: string): Params {
  const expected = expectedParams(config);
  const faults: string[] = [];
  const missing = Object.keys(expected).filter((name) => !Object.hasOwn(params, name));
  const unexpected = Object.keys(params).filter((name) => !Object.hasOwn(expected, name) && !isBuffer(name));
  if (missing.length) faults.push(`missing ${list(missing)}`);
  if (unexpected.length) faults.push(`unexpected ${list(unexpected.map(brief))}`);
  const misshapen: string[] = [];
  const bad: string[] = [];
  const checked: Params = {};
  for (const [name, shape] of Object.entries(expected)) {
    const tensor = params[name];
    if (!tensor) continue;
    // Some files store the scalar logit_scale as one element of one axis.
    const isScalar = shape.length === 0 && tensor.data.length === 1;
    if (!isScalar && tensor.shape.join() !== shape.join()) {
      misshapen.push(`${name} (expected [${shape.join(', ')}], got ${brief(`[${tensor.shape.join(', ')}]`)})`);
    } else if (!(tensor.data instanceof Float32Array)) {
      misshapen.push(`${name} (expected floats, got whole numbers)`);
    } else if (firstNotFinite(tensor.data) >= 0) {
      const at = firstNotFinite(tensor.data);
      bad.push(`${name} (${tensor.data[at]} at element ${at})`);
    }
    checked[name] = { shape, data: tensor.data };
  }
  if (misshapen.length) faults.push(`misshapen ${list(misshapen)}`);
  if (bad.length) faults.push(`not finite ${list(bad)}`);
  if (faults.length) throw new UserError(`${file}: the weights do not fit the config: ${faults.join('; ')}`);
  return checked;
}

/** Enough to see the kind of fault, and few enough to be read. */
const mostNamed = 4;

function list(names: readonly string[]): string {
  const shown = names.slice(0, mostNamed).join(', ');
  return names.length > mostNamed ? `${shown} and ${names.length - mostNamed} more` : shown;
}
