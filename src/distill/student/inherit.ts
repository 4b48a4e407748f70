import { type ClipConfig, isSiglip, regridKernel, regridPositions, tokenTable } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { addColumnSquares, addRowSquares, pick, ranking, topIndices } from './importance.js';
import type { Norm, ResidualStream, Streams } from './residual-stream.js';

/** Options of {@link inherit}. */
export interface InheritOptions {
  /** Teacher layers spread evenly over the depth (the last always kept), or those that write most into the residual stream. */
  layers: 'even' | 'importance';
  /** How the residual streams become narrower. */
  streams: Streams;
}

type TowerConfig = Pick<
  ClipConfig['text_config'],
  'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads'
>;

/**
 * A student cut out of its teacher by importance.
 *
 * - layers: evenly, or by ‖W_out‖² + ‖W_fc2‖²
 * - the residual stream: as `streams` say
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
  checkInheritable(from, to);
  const joint = jointDimensions(teacher, from, to);
  const { text, vision } = options.streams;
  const get = getter(teacher);
  const norm = (name: string): Norm => ({ weight: get(`${name}.weight`), bias: get(`${name}.bias`) });
  const out: Params = { logit_scale: copy(get('logit_scale')) };
  const putNorm = (name: string, { weight, bias }: Norm) => {
    out[`${name}.weight`] = weight;
    out[`${name}.bias`] = bias;
  };

  const textEmbeddings = 'text_model.embeddings';
  out[tokenTable] = text.rows(get(tokenTable));
  const textPositions = `${textEmbeddings}.position_embedding.weight`;
  out[textPositions] = text.rows(pick(get(textPositions), range(to.text_config.max_position_embeddings)));
  tower('text_model', teacher, from.text_config, to.text_config, text, options, out);

  const visionEmbeddings = 'vision_model.embeddings';
  const [a, b] = [from.vision_config, to.vision_config];
  const { writer, norm: first } = vision.embed(norm('vision_model.pre_layrnorm'));
  const classToken = `${visionEmbeddings}.class_embedding`;
  out[classToken] = writer.write(get(classToken));
  const kernel = `${visionEmbeddings}.patch_embedding.weight`;
  out[kernel] = regridKernel(writer.write(get(kernel)), b.patch_size);
  const visionPositions = `${visionEmbeddings}.position_embedding.weight`;
  out[visionPositions] = regridPositions(
    writer.rows(get(visionPositions)),
    Math.floor(a.image_size / a.patch_size),
    Math.floor(b.image_size / b.patch_size),
  );
  putNorm('vision_model.pre_layrnorm', first);
  tower('vision_model', teacher, a, b, vision, options, out);

  for (const [stream, before, name] of [
    [text, 'text_model.final_layer_norm', 'text_projection.weight'],
    [vision, 'vision_model.post_layernorm', 'visual_projection.weight'],
  ] as const) {
    const projected = stream.project(pick(get(name), joint ?? range(from.projection_dim)), norm(before));
    out[name] = projected.weight;
    putNorm(before, projected.norm);
  }
  return out;
}

/** Cuts one tower's blocks into `out`. */
function tower(
  prefix: 'text_model' | 'vision_model',
  teacher: Params,
  from: TowerConfig,
  to: TowerConfig,
  stream: ResidualStream,
  options: InheritOptions,
  out: Params,
): void {
  const get = getter(teacher);
  const layer = (l: number, name: string) => get(`${prefix}.encoder.layers.${l}.${name}`);
  const layers = chooseLayers(from.num_hidden_layers, to.num_hidden_layers, options, (l) => {
    return squares(layer(l, 'self_attn.out_proj.weight')) + squares(layer(l, 'mlp.fc2.weight'));
  });

  for (const [i, l] of layers.entries()) {
    const put = (name: string, weight: HostTensor, bias: HostTensor) => {
      out[`${prefix}.encoder.layers.${i}.${name}.weight`] = weight;
      out[`${prefix}.encoder.layers.${i}.${name}.bias`] = bias;
    };
    /** Puts the student's norm; gives the teacher's, which its readers take in. */
    const norm = (name: string): Norm => {
      const own = { weight: layer(l, `${name}.weight`), bias: layer(l, `${name}.bias`) };
      const { weight, bias } = stream.norm(own);
      put(name, weight, bias);
      return own;
    };
    const read = (name: string, rows: readonly number[], before: Norm, gain = 1) => {
      const [weight, bias] = [pick(layer(l, `${name}.weight`), rows), pick(layer(l, `${name}.bias`), rows)];
      const narrow = stream.read({ weight, bias }, before);
      put(name, scaled(narrow.weight, gain), scaled(narrow.bias, gain));
    };
    const write = (name: string, columns: readonly number[]) =>
      put(name, stream.write(pick(layer(l, `${name}.weight`), null, columns)), stream.write(layer(l, `${name}.bias`)));

    const [norm1, norm2] = [norm('layer_norm1'), norm('layer_norm2')];
    const rows = headRows(from, to, (name) => layer(l, `self_attn.${name}.weight`));
    read('self_attn.q_proj', rows.match, norm1, Math.sqrt(headSize(to) / headSize(from)));
    read('self_attn.k_proj', rows.match, norm1);
    read('self_attn.v_proj', rows.carry, norm1);
    write('self_attn.out_proj', rows.carry);
    const [fc1, fc2] = [layer(l, 'mlp.fc1.weight'), layer(l, 'mlp.fc2.weight')];
    const units = topIndices(product(rowSquares(fc1), columnSquares(fc2)), to.intermediate_size);
    read('mlp.fc1', units, norm2);
    write('mlp.fc2', units);
  }
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

/** The joint-space dimensions the student keeps, or null for all of them. */
function jointDimensions(teacher: Params, from: ClipConfig, to: ClipConfig): number[] | null {
  if (from.projection_dim === to.projection_dim) return null;
  const scores = new Float64Array(from.projection_dim);
  addRowSquares(getter(teacher)('text_projection.weight'), scores);
  addRowSquares(getter(teacher)('visual_projection.weight'), scores);
  return topIndices(scores, to.projection_dim);
}

/** @throws UserError where a student cannot be cut out of a teacher: one of the two is a SigLIP, or the student is larger */
export function checkInheritable(from: ClipConfig, to: ClipConfig): void {
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
