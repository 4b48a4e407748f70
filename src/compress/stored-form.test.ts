import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { add, constant, type HostTensor, input, linear, toOnnx } from '../tensor/index.js';
import { dequantize, quantizeTensor } from '../weight-formats/quantized.js';
import type { CodedScheme } from '../weight-formats/schemes.js';
import { storedForm } from './stored-form.js';
import { difference } from './verify.js';

const random = new Random('stored forms');
const normal = (...shape: number[]): HostTensor<Float32Array> => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
});
const open = ['batch', 'length'] as const;

/** y = x Wᵀ + b by a graph that holds W in its bits, x [2, 3, I]. */
async function product(weight: HostTensor, scheme: CodedScheme, x: HostTensor<Float32Array>, decoded: boolean) {
  const stored = quantizeTensor(weight, scheme);
  const [rows, columns] = weight.shape as [number, number];
  const bias = normal(rows);
  const w = input('w', weight.shape);
  const y = linear(input('x', [...open, columns]), decoded ? add(w, 0) : w, constant(bias));
  const { bytes } = toOnnx({ outputs: { y }, initializers: { w: storedForm(stored) } });
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const made = await session.run({ x: new ort.Tensor('float32', x.data, x.shape) });
  await session.release();
  const { data } = dequantize(stored);
  const expected = Float32Array.from({ length: 6 * rows }, (_, i) => {
    const [token, row] = [Math.floor(i / rows), i % rows];
    let sum = bias.data[row]!;
    for (let k = 0; k < columns; k++) sum += x.data[token * columns + k]! * data[row * columns + k]!;
    return sum;
  });
  return { made: made.y!.data as Float32Array, expected, bytes: bytes.length };
}

/** MatMulNBits and MatMulInteger round activations to 8 bits. */
const schemes: [CodedScheme, number][] = [
  ['nf4', 1e-5],
  ['codebook', 1e-5],
  ['int4', 2e-2],
  ['int4-sym', 2e-2],
  ['int8', 2e-2],
  ['fp8', 1e-5],
];

describe.each(schemes)('%s in a graph', (scheme, rounding) => {
  // Whole blocks; blocks that run over rows; rows that end within a block; an odd number of blocks a row.
  it.each([
    [64, 64],
    [24, 80],
    [7, 48],
    [5, 31],
  ])('multiplies by [%i, %i] as its values do', async (rows, columns) => {
    const weight = normal(rows, columns);
    const x = normal(2, 3, columns);
    const by = await product(weight, scheme, x, false);
    expect(difference(by.made, by.expected)).toBeLessThan(rounding);
    const decoded = await product(weight, scheme, x, true);
    expect(difference(decoded.made, decoded.expected)).toBeLessThan(1e-5);
  });
});

it('int8 multiplies exactly what activations are rounded to, where sums of two products pass 16 bits', async () => {
  const [rows, columns] = [16, 64];
  // Weights and activations on their own grids, at its ends: 255 · 127 + 255 · 127 = 64,770.
  const weight = { shape: [rows, columns], data: new Float32Array(rows * columns).fill(127) };
  const x = { shape: [2, 3, columns], data: Float32Array.from({ length: 6 * columns }, (_, i) => (i % 9 ? 255 : 0)) };
  const { made, expected } = await product(weight, 'int8', x, false);
  expect(difference(made, expected)).toBeLessThan(1e-6);
});
