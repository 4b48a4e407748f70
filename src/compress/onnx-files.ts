import { join } from 'node:path';
import { UserError } from '../errors.js';
import { toHalf, writeFileAtomic } from '../files/index.js';
import { exportGraph, type GraphName, type TowerModel, type VisionPrompts } from '../model/index.js';
import { type HalfTensor, type HostTensor, toOnnx } from '../tensor/index.js';

/** One file holds at most this much: a limit of protobuf, which ONNX is made of. */
const MAX_BYTES = 2 ** 31 - 1;

/** A graph's file within an export folder, by Transformers.js's naming. */
export const onnxPath = (name: GraphName, half: boolean): string => join('onnx', `${name}${half ? '_fp16' : ''}.onnx`);

/** Weights as binary16, by the arrays they were made of: each stands in two of an export's files. */
export type Rounded = Map<HostTensor['data'], Uint16Array>;

/**
 * Writes one graph of a model with its weights inside.
 *
 * With `half`, matrices are stored as binary16 and cast to float32 when the file is loaded: half the bytes, and it runs
 * wherever the other does. Vectors stay float32: they are few, and norms and biases feel rounding most.
 *
 * @param half keeps what is rounded for the next file; left out: weights stay float32
 * @throws UserError where the file would be too large for ONNX, or a weight does not fit binary16.
 */
export async function writeOnnx(
  folder: string,
  name: GraphName,
  half: Rounded | undefined,
  model: TowerModel,
  vision?: VisionPrompts,
): Promise<string> {
  const { outputs, weights } = exportGraph(name, model, vision);
  const file = onnxPath(name, half !== undefined);
  const size = Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0) / (half ? 2 : 1);
  if (size > MAX_BYTES) {
    throw new UserError(`${join(folder, file)}: expected at most 2 GiB of weights, got ${(size / 2 ** 30).toFixed(1)}`);
  }
  const initializers = half
    ? Object.fromEntries(Object.entries(weights).map(([key, tensor]) => [key, stored(key, tensor, half)]))
    : weights;
  const { parts } = toOnnx({ outputs, initializers });
  await writeFileAtomic(join(folder, file), parts);
  return file;
}

function stored(name: string, tensor: HostTensor, rounded: Rounded): HostTensor | HalfTensor {
  const { shape, data } = tensor;
  if (shape.length < 2 || data instanceof Int32Array) return tensor;
  const half = rounded.get(data) ?? toHalf(name, data);
  rounded.set(data, half);
  return { shape, data: half };
}
