import { type ClipConfig, isSiglip } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Params } from '../nn/index.js';
import type { HostTensor } from '../tensor/index.js';
import { addColumnSquares, addRowSquares, pick, ranking, topIndices } from './importance.js';
import { regridKernel, regridPositions } from './regrid.js';

export interface InheritOptions {
  /** Teacher layers spread evenly over the depth (the last always kept), or those that write most into the residual stream. */
  layers: 'even' | 'importance';
}

type TowerConfig = Pick<
  ClipConfig['text_config'],
  'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads'
>;

/**
 * A student cut out of its teacher by importance.
 *
 * - layers: evenly, or by ‖W_out‖² + ‖W_fc2‖²
 * - channels of the residual stream: by the sum of squared weights of all matrices that read or write them
 * - heads: by ‖W_v‖²‖W_out‖²; inside a head its query/key and value/output dimensions likewise
 * - MLP units: by ‖fc1 row‖² ‖fc2 column‖²
 * - joint-space dimensions, where the student has fewer: by both projections' squared rows
 *
 * Queries are scaled by √(d_student / d_teacher), so that attention scores keep their size. Whatever is kept is
 * kept in order: a student of the teacher's own size is the teacher. Patch kernels and position grids of another
 * size are interpolated.
 *
 * @throws UserError where the student is larger than the teacher somewhere, or has another vocabulary
 */
export function inherit(teacher: Params, from: ClipConfig, to: ClipConfig, options: InheritOptions): Params {
  checkSmaller(from, to);
  const joint = jointDimensions(teacher, from, to);
  const out: Params = {};
  const text = tower('text_model', teacher, from.text_config, to.text_config, options, out);
  const vision = tower('vision_model', teacher, from.vision_config, to.vision_config, options, out);

  const get = getter(teacher);
  const textEmbeddings = 'text_model.embeddings';
  out[`${textEmbeddings}.token_embedding.weight`] = pick(get(`${textEmbeddings}.token_embedding.weight`), null, text);
  out[`${textEmbeddings}.position_embedding.weight`] = pick(
    get(`${textEmbeddings}.position_embedding.weight`),
    range(to.text_config.max_position_embeddings),
    text,
  );
  const visionEmbeddings = 'vision_model.embeddings';
  const [a, b] = [from.vision_config, to.vision_config];
  out[`${visionEmbeddings}.class_embedding`] = pick(get(`${visionEmbeddings}.class_embedding`), vision);
  out[`${visionEmbeddings}.patch_embedding.weight`] = regridKernel(
    pick(get(`${visionEmbeddings}.patch_embedding.weight`), vision),
    b.patch_size,
  );
  out[`${visionEmbeddings}.position_embedding.weight`] = regridPositions(
    pick(get(`${visionEmbeddings}.position_embedding.weight`), null, vision),
    Math.floor(a.image_size / a.patch_size),
    Math.floor(b.image_size / b.patch_size),
  );
  const norms: [string, number[]][] = [
    ['text_model.final_layer_norm', text],
    ['vision_model.pre_layrnorm', vision],
    ['vision_model.post_layernorm', vision],
  ];
  for (const [name, channels] of norms) {
    for (const part of ['weight', 'bias']) out[`${name}.${part}`] = pick(get(`${name}.${part}`), channels);
  }
  out['text_projection.weight'] = pick(get('text_projection.weight'), joint, text);
  out['visual_projection.weight'] = pick(get('visual_projection.weight'), joint, vision);
  out.logit_scale = copy(get('logit_scale'));
  return out;
}

/** Cuts one tower's blocks into `out`; returns the residual channels kept. */
function tower(
  prefix: 'text_model' | 'vision_model',
  teacher: Params,
  from: TowerConfig,
  to: TowerConfig,
  options: InheritOptions,
  out: Params,
): number[] {
  const get = getter(teacher);
  const layer = (l: number, name: string) => get(`${prefix}.encoder.layers.${l}.${name}`);
  const channels = inheritedChannels(prefix, teacher, from.hidden_size, to.hidden_size);
  const layers = chooseLayers(from.num_hidden_layers, to.num_hidden_layers, options, (l) => {
    return squares(layer(l, 'self_attn.out_proj.weight')) + squares(layer(l, 'mlp.fc2.weight'));
  });

  for (const [i, l] of layers.entries()) {
    const put = (name: string, tensor: HostTensor) => {
      out[`${prefix}.encoder.layers.${i}.${name}`] = tensor;
    };
    for (const norm of ['layer_norm1', 'layer_norm2']) {
      for (const part of ['weight', 'bias']) put(`${norm}.${part}`, pick(layer(l, `${norm}.${part}`), channels));
    }
    const rows = headRows(from, to, (name) => layer(l, `self_attn.${name}.weight`));
    const gain = Math.sqrt(headSize(to) / headSize(from));
    put('self_attn.q_proj.weight', scaled(pick(layer(l, 'self_attn.q_proj.weight'), rows.match, channels), gain));
    put('self_attn.q_proj.bias', scaled(pick(layer(l, 'self_attn.q_proj.bias'), rows.match), gain));
    put('self_attn.k_proj.weight', pick(layer(l, 'self_attn.k_proj.weight'), rows.match, channels));
    put('self_attn.k_proj.bias', pick(layer(l, 'self_attn.k_proj.bias'), rows.match));
    put('self_attn.v_proj.weight', pick(layer(l, 'self_attn.v_proj.weight'), rows.carry, channels));
    put('self_attn.v_proj.bias', pick(layer(l, 'self_attn.v_proj.bias'), rows.carry));
    put('self_attn.out_proj.weight', pick(layer(l, 'self_attn.out_proj.weight'), channels, rows.carry));
    put('self_attn.out_proj.bias', pick(layer(l, 'self_attn.out_proj.bias'), channels));

    const [fc1, fc2] = [layer(l, 'mlp.fc1.weight'), layer(l, 'mlp.fc2.weight')];
    const units = topIndices(product(rowSquares(fc1), columnSquares(fc2)), to.intermediate_size);
    put('mlp.fc1.weight', pick(fc1, units, channels));
    put('mlp.fc1.bias', pick(layer(l, 'mlp.fc1.bias'), units));
    put('mlp.fc2.weight', pick(fc2, channels, units));
    put('mlp.fc2.bias', pick(layer(l, 'mlp.fc2.bias'), channels));
  }
  return channels;
}

/** Which teacher layers (from 0) the student keeps, in order. */
function chooseLayers(from: number, to: number, options: InheritOptions, score: (layer: number) => number): number[] {
  if (options.layers === 'importance') return topIndices(range(from).map(score), to);
  return range(to).map((i) => Math.round(((i + 1) * from) / to) - 1);
}

/**
 * The rows of q/k (`match`) and of v/out (`carry`) that the student's heads keep: the most important heads in
 * order, and in each the most important dimensions; a student head wider than the teacher's is filled up from
 * the heads left over.
 */
function headRows(from: TowerConfig, to: TowerConfig, weight: (name: string) => HostTensor) {
  const size = headSize(from);
  const match = product(rowSquares(weight('q_proj')), rowSquares(weight('k_proj')));
  const carry = product(rowSquares(weight('v_proj')), columnSquares(weight('out_proj')));
  const heads = topIndices(
    range(from.num_attention_heads).map((h) => sumOf(carry, h * size, size)),
    to.num_attention_heads,
  );
  const choose = (scores: Float64Array): number[] => {
    const width = headSize(to);
    const chosen = heads.map((h) =>
      topIndices(scores.subarray(h * size, (h + 1) * size), Math.min(width, size)).map((d) => h * size + d),
    );
    const used = new Set(chosen.flat());
    const spare = ranking(scores).filter((d) => !used.has(d));
    for (const head of chosen) {
      while (head.length < width) head.push(spare.shift()!);
    }
    return chosen.flat();
  };
  return { match: choose(match), carry: choose(carry) };
}

/** The residual channels of the teacher, ascending, that a student of width `to` inherits. */
export function inheritedChannels(
  prefix: 'text_model' | 'vision_model',
  teacher: Params,
  from: number,
  to: number,
): number[] {
  return topIndices(channelScores(prefix, teacher, from), to);
}

/** Squared weights of everything that reads or writes a residual channel. */
function channelScores(prefix: string, teacher: Params, width: number): Float64Array {
  const scores = new Float64Array(width);
  for (const [name, tensor] of Object.entries(teacher)) {
    if (!name.startsWith(`${prefix}.encoder.`) || !name.endsWith('.weight') || tensor.shape.length !== 2) continue;
    if (name.includes('out_proj') || name.includes('fc2')) addRowSquares(tensor, scores);
    else addColumnSquares(tensor, scores);
  }
  return scores;
}

/** The joint-space dimensions the student keeps, or null for all of them. */
function jointDimensions(teacher: Params, from: ClipConfig, to: ClipConfig): number[] | null {
  if (from.projection_dim === to.projection_dim) return null;
  const scores = new Float64Array(from.projection_dim);
  addRowSquares(getter(teacher)('text_projection.weight'), scores);
  addRowSquares(getter(teacher)('visual_projection.weight'), scores);
  return topIndices(scores, to.projection_dim);
}

function checkSmaller(from: ClipConfig, to: ClipConfig): void {
  if (isSiglip(from) || isSiglip(to)) {
    throw new UserError('student.init: inheriting cuts CLIP’s towers, and this is a SigLIP: set random, or given');
  }
  const no = (field: string, a: number, b: number, relation: string) => {
    throw new UserError(`student.${field}: inheriting needs ${relation} the teacher's ${a}, got ${b}`);
  };
  for (const tower of ['text_config', 'vision_config'] as const) {
    for (const field of ['hidden_size', 'intermediate_size', 'num_hidden_layers'] as const) {
      const [a, b] = [from[tower][field], to[tower][field]];
      if (b > a) no(`${tower}.${field}`, a, b, 'at most');
    }
    const [a, b] = [from[tower].num_attention_heads, to[tower].num_attention_heads];
    if (b > a) no(`${tower}.num_attention_heads`, a, b, 'at most');
  }
  if (to.projection_dim > from.projection_dim) no('projection_dim', from.projection_dim, to.projection_dim, 'at most');
  const [v, w] = [from.text_config.vocab_size, to.text_config.vocab_size];
  if (v !== w) no('text_config.vocab_size', v, w, 'exactly');
  const [l, m] = [from.text_config.max_position_embeddings, to.text_config.max_position_embeddings];
  if (m > l) no('text_config.max_position_embeddings', l, m, 'at most');
}

function getter(params: Params): (name: string) => HostTensor {
  return (name) => {
    const tensor = params[name];
    if (!tensor) throw new UserError(`teacher: expected a parameter ${name}, the checkpoint has none`);
    return tensor;
  };
}

const headSize = (c: TowerConfig): number => c.hidden_size / c.num_attention_heads;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const copy = (x: HostTensor): HostTensor => ({ shape: x.shape, data: Float32Array.from(x.data) });
const scaled = (x: HostTensor, by: number): HostTensor =>
  by === 1 ? x : { shape: x.shape, data: Float32Array.from(x.data, (v) => v * by) };
const product = (a: Float64Array, b: Float64Array): Float64Array => a.map((x, i) => x * b[i]!);
const squares = (x: HostTensor): number => x.data.length && rowSquares(x).reduce((a, b) => a + b, 0);

function sumOf(x: Float64Array, start: number, count: number): number {
  let sum = 0;
  for (let i = start; i < start + count; i++) sum += x[i]!;
  return sum;
}

function rowSquares(matrix: HostTensor): Float64Array {
  const scores = new Float64Array(matrix.shape[0]!);
  addRowSquares(matrix, scores);
  return scores;
}

function columnSquares(matrix: HostTensor): Float64Array {
  const scores = new Float64Array(matrix.shape[1]!);
  addColumnSquares(matrix, scores);
  return scores;
}
