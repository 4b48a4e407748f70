import { expect, it } from 'vitest';
import { Random } from '../../math/index.js';
import { channelWise, phiS } from './whitening.js';

/** Features whose channels differ by far, and go together. */
function features(width: number, n = 400): Float32Array {
  const random = new Random('whitening', width);
  const rows = new Float32Array(n * width);
  for (let r = 0; r < n; r++) {
    const shared = random.normal();
    for (let k = 0; k < width; k++) rows[r * width + k] = 5 + (k + 1) * random.normal() + 2 * shared;
  }
  return rows;
}

function applied(rows: Float32Array, width: number, { mean, map }: ReturnType<typeof phiS>): Float64Array[] {
  return Array.from({ length: rows.length / width }, (_, r) => {
    const x = Float64Array.from({ length: width }, (__, k) => rows[r * width + k]! - mean.data[k]!);
    if (map.shape.length === 1) return x.map((v, k) => v * map.data[k]!);
    return Float64Array.from({ length: width }, (__, j) =>
      x.reduce((sum, v, k) => sum + v * map.data[k * width + j]!, 0),
    );
  });
}
const variance = (vectors: Float64Array[], k: number) =>
  vectors.reduce((sum, v) => sum + v[k]! ** 2, 0) / vectors.length;

// Hadamard's matrix at 8, plane rotations at 6.
it.each([6, 8])('gives all %s channels unit variance', (width) => {
  const rows = features(width);
  for (const way of [channelWise, phiS]) {
    const vectors = applied(rows, width, way(rows, width));
    for (let k = 0; k < width; k++) expect(variance(vectors, k)).toBeCloseTo(1, 3);
  }
});

it.each([6, 8])('PHI-S keeps proportions: distances of %s channels change by one factor', (width) => {
  const rows = features(width);
  const vectors = applied(rows, width, phiS(rows, width));
  const before = (i: number, j: number) =>
    Math.hypot(...Array.from({ length: width }, (_, k) => rows[i * width + k]! - rows[j * width + k]!));
  const after = (i: number, j: number) => Math.hypot(...vectors[i]!.map((x, k) => x - vectors[j]![k]!));
  const factor = after(0, 1) / before(0, 1);
  for (const [i, j] of [
    [2, 3],
    [4, 9],
    [10, 50],
  ] as const)
    expect(after(i, j) / before(i, j)).toBeCloseTo(factor, 4);
});
