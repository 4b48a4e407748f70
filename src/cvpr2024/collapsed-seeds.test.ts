import { expect, it } from 'vitest';
import { collapsedSeeds } from './collapsed-seeds.js';

const seeds = (before: number, ...after: number[]) => after.map((one, i) => ({ seed: i + 1, before, after: one }));

it('names seeds far below the others, and seeds that are worse than before', () => {
  // EuroSAT as others re-ran the published recipe: one seed of three at 66 instead of 88.
  expect(collapsedSeeds(seeds(0.6, 0.88, 0.661, 0.879))).toEqual([2]);
  expect(collapsedSeeds(seeds(0.6, 0.88, 0.8, 0.879))).toEqual([]);
  // Worse than zero-shot, though all of them are.
  expect(collapsedSeeds(seeds(0.7, 0.69, 0.71, 0.68))).toEqual([1, 3]);
  expect(collapsedSeeds(seeds(0.3, 0.2))).toEqual([1]);
});
