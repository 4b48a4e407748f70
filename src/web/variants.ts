import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Dtype, dtypes, embeddingOutput, type OnnxPair, suffixes } from '../clip/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import { OnnxFile } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';

/** A smaller variant is taken where its embeddings keep at least this cosine to the model's in float32. */
export const ENOUGH = 0.99;

export interface Variant {
  readonly path: string;
  readonly dtype: Dtype;
  readonly bytes: number;
  /** Least cosine of its embeddings to the model's in float32, over the probes. */
  readonly cosine: number;
}

export type EncoderName = 'vision_model' | 'text_model';

/**
 * The file of an encoder that a page shall load: the one asked for, or else the smallest whose embeddings have a cosine
 * of at least 0.99 to the model's in float32 on every probe (three synthetic images, or three short texts).
 *
 * @param folder with the ONNX files
 * @param pair the model in float32: of a quantised one, the values of its checkpoint
 * @throws UserError where the one asked for is not there, or cannot be run
 */
export async function chooseVariant(
  folder: string,
  name: EncoderName,
  pair: OnnxPair,
  wanted?: Dtype,
): Promise<Variant> {
  const found = dtypes
    .map((dtype) => ({ dtype, path: join(folder, `${name}${suffixes[dtype]}.onnx`) }))
    .filter(({ path }) => existsSync(path))
    .map((variant) => ({ ...variant, bytes: statSync(variant.path).size }));
  const candidates = found
    .filter(({ dtype }) => wanted === undefined || dtype === wanted)
    .sort((a, b) => a.bytes - b.bytes);
  if (candidates.length === 0) {
    throw new UserError(
      `${join(folder, `${name}${suffixes[wanted!]}.onnx`)}: no such file: choose one of ${found.map(({ dtype }) => dtype).join(', ')}`,
    );
  }
  const [probe, expected] = name === 'vision_model' ? await imageProbe(pair) : await textProbe(pair);
  let reason = '';
  for (const candidate of candidates) {
    if (existsSync(`${candidate.path}_data`)) {
      reason = `${candidate.path}: expected its weights inside, got a file ${name}_data beside it`;
      continue;
    }
    try {
      const kind = name === 'vision_model' ? 'image' : 'text';
      const cosine = leastCosine(await run(candidate.path, kind, probe), expected, pair.config.projection_dim);
      if (wanted !== undefined || cosine >= ENOUGH) return { ...candidate, cosine };
    } catch (error) {
      reason = `${candidate.path}: expected a model that ONNX Runtime runs: ${(error as Error).message.split('\n')[0]}`;
    }
  }
  throw new UserError(reason);
}

async function run(
  path: string,
  kind: 'image' | 'text',
  feeds: Readonly<Record<string, HostTensor>>,
): Promise<Float32Array> {
  const model = await OnnxFile.open(path);
  try {
    const name = embeddingOutput(kind, model.outputs);
    if (name === undefined) throw new Error(`expected an embedding among its outputs, got ${model.outputs.join(', ')}`);
    return (await model.run(feeds))[name]!.data;
  } finally {
    await model.dispose();
  }
}

/** What an encoder is fed, and the embeddings of the model in float32. */
type Probe = [feeds: Readonly<Record<string, HostTensor>>, expected: Float32Array];

/** Noise at three scales, in the numbers that preprocessing makes. */
async function imageProbe(pair: OnnxPair): Promise<Probe> {
  const { size } = pair.preprocess;
  const scales = [1, 4, 12];
  const pixels = new Float32Array(scales.length * 3 * size * size);
  for (const [n, scale] of scales.entries()) {
    const random = new Random('page probe', scale);
    const cells = Math.ceil(size / scale);
    const values = Float32Array.from({ length: 3 * cells * cells }, () => random.normal());
    for (let i = 0; i < 3 * size * size; i++) {
      const [c, y, x] = [Math.floor(i / size / size), Math.floor(i / size) % size, i % size];
      pixels[n * 3 * size * size + i] = values[(c * cells + Math.floor(y / scale)) * cells + Math.floor(x / scale)]!;
    }
  }
  const pixel_values = { shape: [scales.length, 3, size, size], data: pixels };
  return [{ pixel_values }, (await pair.images(pixel_values)).data];
}

async function textProbe(pair: OnnxPair): Promise<Probe> {
  const { tokenizer, config } = pair;
  const length = config.text_config.max_position_embeddings;
  const { ids, eos } = tokenizer.encode(['a cat', 'two small houses under a tree', 'red'], length);
  const shape = [eos.length, length];
  const mask = ids.map((_, i) => (i % length <= eos[Math.floor(i / length)]! ? 1 : 0));
  const feeds = { input_ids: { shape, data: ids }, attention_mask: { shape, data: mask } };
  return [feeds, (await pair.texts({ ids, ends: eos, length })).data];
}

function leastCosine(a: Float32Array, b: Float32Array, width: number): number {
  let least = 1;
  for (let from = 0; from < b.length; from += width) {
    let [dot, aa, bb] = [0, 0, 0];
    for (let k = from; k < from + width; k++) {
      dot += a[k]! * b[k]!;
      aa += a[k]! ** 2;
      bb += b[k]! ** 2;
    }
    const cosine = dot / Math.sqrt(aa * bb);
    if (!(cosine >= least)) least = cosine; // NaN, too
  }
  return least;
}
