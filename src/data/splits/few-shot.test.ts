import { expect, it } from 'vitest';
import { fewShot } from './few-shot.js';

const examples = Array.from({ length: 40 }, (_, i) => ({ id: `${i}`, label: [2, 0, 5, 2][i % 4]!, captions: [] }));
const ids = (shots: number, seed: number) => fewShot(examples, shots, seed).map(({ id }) => id);

it('draws as many images of every class, by the seed alone', () => {
  const drawn = fewShot(examples, 3, 1);
  expect(drawn.map(({ label }) => label)).toEqual([0, 0, 0, 2, 2, 2, 5, 5, 5]);
  expect(new Set(drawn.map(({ id }) => id)).size).toBe(9);
  expect(ids(3, 1)).toEqual(drawn.map(({ id }) => id));
  expect(ids(3, 2)).not.toEqual(ids(3, 1));
});

it('takes a class whole that has no more, without repeats', () => {
  expect(ids(12, 1)).toHaveLength(10 + 12 + 10);
  expect(new Set(ids(12, 1)).size).toBe(32);
});
