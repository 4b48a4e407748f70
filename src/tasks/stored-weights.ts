import { storedForm } from '../compress/index.js';
import type { Params } from '../nn/index.js';
import type { HostTensor, StoredTensor } from '../tensor/index.js';
import { dequantize, type QuantizedTensor, quantizeTensor } from '../weight-formats/index.js';

/** How the matrices of a task's files are stored, as Transformers.js names it: as they are, in 8 bits or in 4. */
export const taskDtypes = ['fp32', 'q8', 'q4'] as const;
/** How the matrices of a task's files are stored: {@link taskDtypes}. */
export type TaskDtype = (typeof taskDtypes)[number];

const schemes = { q8: 'int8', q4: 'int4' } as const;

/** A matrix of a linear layer in few bits; undefined for what is added, looked up or small, which stays as it is. */
function inFewBits(dtype: TaskDtype, name: string, weight: HostTensor): QuantizedTensor | undefined {
  const [rows = 0, columns = 0] = weight.shape;
  const large = weight.shape.length === 2 && rows >= 16 && columns >= 16;
  if (dtype === 'fp32' || !large || !name.endsWith('.weight') || name.includes('embedding')) return undefined;
  return quantizeTensor(weight, schemes[dtype], { search: dtype === 'q4' });
}

/**
 * Weights for an ONNX file, matrices in few bits. They are decoded once, when a session loads the file: activations are not
 * rounded, so that the file gives the numbers of {@link roundedWeights}.
 */
export function storedWeights(weights: Params, dtype: TaskDtype): Readonly<Record<string, HostTensor | StoredTensor>> {
  return mapped(weights, (name, weight) => {
    const coded = inFewBits(dtype, name, weight);
    if (!coded) return weight;
    const { shape, decode } = storedForm(coded);
    return { shape, decode };
  });
}

/** Weights with the values that {@link storedWeights} stores. */
export const roundedWeights = (weights: Params, dtype: TaskDtype): Params =>
  mapped(weights, (name, weight) => {
    const coded = inFewBits(dtype, name, weight);
    return coded ? dequantize(coded) : weight;
  });

const mapped = <Weight>(weights: Params, map: (name: string, weight: HostTensor) => Weight): Record<string, Weight> =>
  Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, map(name, weight)]));
