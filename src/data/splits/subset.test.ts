import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import type { Example, ImageTextDataset } from '../dataset.js';
import { classCounts } from '../labels/class-counts.js';
import { longTail, stratified, withSubset } from './subset.js';

/** Class 0 has 40 images, class 1 has 20, … mixed up. */
const sizes = [40, 20, 10, 8, 3];
const examples = sizes
  .flatMap((size, label) => Array.from({ length: size }, (_, i) => ({ id: `${label}-${i}`, label, captions: [] })))
  .sort((a, b) => (a.id.split('').reverse().join() < b.id.split('').reverse().join() ? -1 : 1));
const dataset: ImageTextDataset = {
  name: 'counts',
  classes: sizes.map((size) => ({ name: `of ${size}`, novel: false })),
  splits: { train: examples, test: examples.slice(0, 4) },
  load: async () => ({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) }),
  fingerprint: 'counts-1',
  skipped: [],
};
const countsOf = (part: readonly Example[]) => sizes.map((_, label) => classCounts(part).get(label) ?? 0);

describe('a stratified fraction', () => {
  it('keeps its share of every class and of all, in the order they had', () => {
    for (const share of [0.1, 0.25, 0.5, 0.9]) {
      for (const seed of [1, 2, 3]) {
        const part = stratified(examples, share, seed);
        expect(part).toHaveLength(Math.round(share * 81));
        for (const [label, count] of countsOf(part).entries()) {
          expect(Math.abs(count - share * sizes[label]!)).toBeLessThan(1);
        }
        expect(part).toEqual(examples.filter((example) => part.includes(example)));
      }
    }
  });

  it('is drawn by the seed', () => {
    const ids = (seed: number) => stratified(examples, 0.3, seed).map(({ id }) => id);
    expect(ids(4)).toEqual(ids(4));
    expect(ids(4)).not.toEqual(ids(5));
  });
});

describe('a long tail', () => {
  it('falls off geometrically from the largest class by the factor', () => {
    const even = Array.from({ length: 500 }, (_, i) => ({ id: `${i}`, label: i % 5, captions: [] }));
    const counts = [...classCounts(longTail(even, 100)).values()].sort((a, b) => b - a);
    // 100 · 100^(−c/4)
    expect(counts).toEqual([100, 32, 10, 3, 1]);
  });

  it('never takes more than a class has, and is the same in every run', () => {
    const tail = longTail(examples, 40);
    // 40 · 40^(−c/4) is 40, 15.9, 6.3, 2.5, 1
    expect(countsOf(tail)).toEqual([40, 16, 6, 3, 1]);
    expect(longTail(examples, 40)).toEqual(tail);
    expect(countsOf(longTail(examples, 2))[4]).toBe(3);
  });
});

it('cuts one split and changes the fingerprint with it', () => {
  const cut = withSubset(dataset, 'train', { fraction: 0.5, imbalance: 40 }, 1);
  expect(cut.splits.train).toHaveLength(33);
  expect(cut.splits.test).toBe(dataset.splits.test);
  const others = [
    withSubset(dataset, 'train', { fraction: 0.5 }, 1),
    withSubset(dataset, 'train', { fraction: 0.5 }, 2),
    withSubset(dataset, 'train', { imbalance: 40 }, 1),
  ];
  expect(new Set([cut, dataset, ...others].map(({ fingerprint }) => fingerprint)).size).toBe(5);
  expect(withSubset(dataset, 'train', {}, 1)).toBe(dataset);
});

it.each([
  [{ imbalance: 41 }, /imbalance 41: the largest class has 40 images.*choose at most 40/],
  [{ fraction: 0.001 }, /data.fraction: 0.001 of the 81 images of counts\/train is none/],
])('refuses %j', (subset, message) => {
  expect(() => withSubset(dataset, 'train', subset, 1)).toThrow(message);
  expect(() => withSubset(dataset, 'train', subset, 1)).toThrow(UserError);
});

it('refuses a long tail of images without classes', () => {
  const bare = { ...dataset, splits: { train: [{ id: 'x', captions: [] }] } };
  expect(() => withSubset(bare, 'train', { imbalance: 2 }, 1)).toThrow(/expected images with a class/);
});
