import { expect, it } from 'vitest';
import { toUnitRows } from '../math/index.js';
import { kMeans } from './k-means.js';

const rows = (...values: number[][]) =>
  toUnitRows({ data: Float32Array.from(values.flat()), count: values.length, width: values[0]!.length });

it('finds groups of directions, whatever the seed, and has unit centroids', () => {
  const three = rows([1, 0.1, 0], [1, -0.1, 0], [0, 1, 0.1], [0, 1, -0.1], [0.1, 0, 1], [-0.1, 0, 1]);
  for (const seed of [0, 1, 2]) {
    const { data, count } = kMeans(three, 3, seed);
    expect(count).toBe(3);
    const found = [0, 1, 2].map((c) => [...data.subarray(3 * c, 3 * c + 3)].map((value) => Math.round(value)).join());
    expect(found.sort()).toEqual(['0,0,1', '0,1,0', '1,0,0']);
  }
});

it('has no more centroids than rows, and bears rows that are all alike', () => {
  expect(kMeans(rows([1, 0], [0, 1]), 5, 0).count).toBe(2);
  const { data } = kMeans(rows([1, 0], [1, 0], [1, 0]), 2, 0);
  expect([...data]).toEqual([1, 0, 1, 0]);
});
