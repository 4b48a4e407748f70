import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, float8Values, readSafetensors, toFloat8, writeFileAtomic } from '../files/index.js';
import { Random } from '../math/random.js';
import type { HostTensor } from '../tensor/index.js';
import { nf4 } from './codebook.js';
import { readQuantized, writeQuantized } from './file.js';
import { dequantize, quantizeTensor } from './quantized.js';
import { type CodedScheme, schemes, storedBytes } from './schemes.js';

const random = new Random('quantization');
const normal = (...shape: number[]): HostTensor<Float32Array> => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
});
const coded = schemes.filter((scheme): scheme is CodedScheme => scheme !== 'fp32');

/** Root mean square of what rounding changes, as a share of the weight's own. */
function loss(weight: HostTensor, scheme: CodedScheme, options = {}): number {
  const made = dequantize(quantizeTensor(weight, scheme, options)).data;
  const squares = (values: Iterable<number>) => Array.from(values).reduce((sum, x) => sum + x * x, 0);
  return Math.sqrt(squares(made.map((x, i) => x - weight.data[i]!)) / squares(weight.data));
}

describe('FP8 E4M3', () => {
  it('gives every pattern back, and of other numbers the nearest', () => {
    const values = float8Values();
    const numbers = [...values].filter(Number.isFinite);
    expect(numbers).toHaveLength(254);
    expect(Math.max(...numbers)).toBe(448);
    for (const value of numbers) expect(values[toFloat8(value)]).toBe(value);
    for (let i = 0; i < 2000; i++) {
      const x = random.normal() * 2 ** random.uniform(-12, 8);
      const best = Math.min(...numbers.map((value) => Math.abs(value - x)));
      expect(Math.abs(values[toFloat8(x)]! - x)).toBeCloseTo(best, 10);
    }
    expect(values[toFloat8(1e9)]).toBe(448);
    expect(toFloat8(Number.NaN) & 0x7f).toBe(0x7f);
  });
});

describe('quantizeTensor', () => {
  // What is published of normal weights: NF4 in blocks of 64 leaves about 9 %, 4 evenly spaced bits in blocks of 32 as much.
  it.each([
    ['nf4', 0.07, 0.11],
    ['codebook', 0.06, 0.1],
    ['int4', 0.06, 0.1],
    ['int4-sym', 0.07, 0.12],
    ['int8', 0.003, 0.01],
    ['fp8', 0.02, 0.035],
  ] as const)('%s loses what its bits allow', (scheme, least, most) => {
    const weight = normal(64, 256);
    expect(loss(weight, scheme)).toBeGreaterThan(least);
    expect(loss(weight, scheme)).toBeLessThan(most);
  });

  it('loses less with a codebook of its own where weights are not normal', () => {
    const weight = normal(32, 64);
    weight.data.forEach((x, i) => {
      weight.data[i] = Math.sign(x) * (1 + 0.1 * random.normal());
    });
    expect(loss(weight, 'codebook')).toBeLessThan(0.5 * loss(weight, 'nf4'));
  });

  it.each(['nf4', 'int4', 'int4-sym'] as const)('%s loses less where scales are searched', (scheme) => {
    const weight = normal(16, 128);
    expect(loss(weight, scheme, { search: true })).toBeLessThan(loss(weight, scheme));
  });

  it.each(coded)('never loses more in %s with scales searched than without', (scheme) => {
    const heavy = new Random('heavy tails');
    for (const power of [1, 2, 3, 5]) {
      for (let draw = 0; draw < 4; draw++) {
        const data = Float32Array.from({ length: 16 * 96 }, () => {
          const value = heavy.normal();
          return Math.sign(value) * Math.abs(value) ** power * (heavy.int(8) ? 1 : 0.01);
        });
        const weight = { shape: [16, 96], data };
        expect(loss(weight, scheme, { search: true })).toBeLessThanOrEqual(loss(weight, scheme) + 1e-9);
      }
    }
  });

  it('spends a codebook where activations are large', () => {
    const weight = normal(16, 64);
    const energy = Float32Array.from({ length: 64 }, (_, column) => (column < 8 ? 100 : 1));
    const error = (options: object) => {
      const made = dequantize(quantizeTensor(weight, 'codebook', options)).data;
      return made.reduce((sum, x, i) => sum + energy[i % 64]! * (x - weight.data[i]!) ** 2, 0);
    };
    expect(error({ energy, search: true })).toBeLessThan(error({ search: true }));
  });

  it.each(coded)('%s keeps zeros, and a block of nothing else', (scheme) => {
    const weight = { shape: [4, 64], data: new Float32Array(256) };
    expect(dequantize(quantizeTensor(weight, scheme)).data.every((x) => x === 0)).toBe(true);
    weight.data[70] = 3;
    const made = dequantize(quantizeTensor(weight, scheme)).data;
    expect(made[70]).toBeCloseTo(3, 1);
    expect(made.every((x, i) => i === 70 || x === 0)).toBe(true);
  });

  it('has bitsandbytes’ 16 values', () => {
    expect(nf4).toHaveLength(16);
    expect([nf4[0], nf4[7], nf4[15]]).toEqual([-1, 0, 1]);
  });
});

describe('a quantised file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-quantized-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('takes any name for a tensor', async () => {
    const path = join(folder, 'names.safetensors');
    const names = ['constructor', 'toString', 'constructor.scales'];
    const plain = Object.fromEntries(names.map((name) => [name, normal(3)]));
    await writeQuantized(path, { ...plain, weight: quantizeTensor(normal(2, 3), 'int8') });
    expect(readQuantized(path).tensors).toMatchObject(plain);
  });

  it.each(coded)('gives %s back bit for bit, and is as large as said', async (scheme) => {
    const path = join(folder, `${scheme}.safetensors`);
    const weight = normal(6, 5, 3);
    const stored = quantizeTensor(weight, scheme);
    const bias = normal(6);
    await writeQuantized(path, { weight: stored, bias }, { format: 'test' });
    const { tensors, quantized, metadata } = readQuantized(path);
    expect(quantized.weight).toEqual(stored);
    expect(tensors).toEqual({ weight: dequantize(stored), bias });
    expect(metadata.format).toBe('test');
    const { tensors: plain, raw } = readSafetensors(path, { raw: () => true });
    const parts = [...Object.entries(plain), ...Object.entries(raw)].filter(([name]) => name !== 'bias');
    expect(parts.reduce((sum, [, { data }]) => sum + data.byteLength, 0)).toBe(storedBytes(scheme, weight.shape));
  });

  /** A file of one tensor, its parts changed. */
  async function broken(scheme: CodedScheme, change: (parts: Parts, metadata: Record<string, string>) => void) {
    const path = join(folder, 'broken.safetensors');
    await writeQuantized(path, { w: quantizeTensor(normal(4, 64), scheme) });
    const { tensors, raw, metadata } = readSafetensors(path, { raw: () => true });
    const parts: Parts = { ...tensors, ...raw };
    const changed = { ...metadata };
    change(parts, changed);
    await writeFileAtomic(path, encodeSafetensors(parts, { metadata: changed }));
    return () => readQuantized(path);
  }
  type Parts =
    Parameters<typeof encodeSafetensors>[0] extends Readonly<Record<string, infer T>> ? Record<string, T> : never;

  it.each<[string, CodedScheme, (parts: Parts, metadata: Record<string, string>) => void, RegExp]>([
    ['its scales', 'nf4', (parts) => delete parts['w.scales'], /w\.scales: expected 4 of F8_E4M3, got nothing/],
    ['the scales’ factor', 'nf4', (parts) => delete parts['w.factor'], /w\.factor: expected 1 of F32, got nothing/],
    ['its codes', 'nf4', (parts) => delete parts.w, /w: expected 128 of U8, got nothing/],
    ['zero points', 'int4', (parts) => delete parts['w.zeros'], /w\.zeros: expected 4 of U8, got nothing/],
    ['its codebook', 'codebook', (parts) => delete parts['w.codebook'], /w\.codebook: expected 16 of F32, got nothing/],
    [
      'some codes',
      'int8',
      (parts) => (parts.w = { dtype: 'U8', shape: [9], data: new Uint8Array(9) }),
      /w: expected 256 of U8, got U8 \[9\]/,
    ],
    [
      'a scale above 0',
      'int8',
      (parts) => (parts['w.scales'] = { shape: [4], data: Float32Array.of(1, 1, 0, 1) }),
      /w\.scales: expected finite numbers above 0, got 0 for block 2/,
    ],
    [
      'numbers',
      'fp8',
      (parts) => (parts.w = { dtype: 'F8_E4M3', shape: [4, 64], data: new Uint8Array(256).fill(0x7f) }),
      /w: expected numbers, got NaN at element 0/,
    ],
    [
      'readable metadata',
      'nf4',
      (_, metadata) => (metadata.quantization = '{'),
      /metadata quantization: expected JSON/,
    ],
    [
      'a scheme that is known',
      'nf4',
      (_, metadata) => (metadata.quantization = metadata.quantization!.replace('nf4', 'nf3')),
      /metadata quantization: tensors\.w\.scheme: /,
    ],
  ])('that lacks %s is refused by name', async (_, scheme, change, message) => {
    const read = await broken(scheme, change);
    expect(read).toThrow(message);
    expect(read).toThrow(/broken\.safetensors: .*quantise the model again/);
  });
});
