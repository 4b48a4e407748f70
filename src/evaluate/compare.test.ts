import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { quantileInterval } from './compare.js';
import { paretoFront, recommend } from './pareto.js';

const variants = [
  { name: 'fp32', bytes: 100, ms: 3, top1: 0.8 },
  { name: 'fp16', bytes: 50, ms: 4, top1: 0.8 },
  { name: 'q8', bytes: 25, ms: 2, top1: 0.79 },
  { name: 'q4', bytes: 15, ms: 1, top1: 0.7 },
  { name: 'worse', bytes: 25, ms: 1, top1: 0.6 },
];

describe('a choice among variants', () => {
  it('knows those that none beats', () => {
    expect(paretoFront(variants).map(({ name }) => name)).toEqual(['q4', 'q8', 'fp16']);
  });

  it.each([
    [{ maxDrop: 1.001 }, 'q8'],
    [{ maxDrop: 0 }, 'fp16'],
    [{ maxDrop: 50 }, 'q4'],
    [{ maxBytes: 60 }, 'fp16'],
    [{ maxBytes: 20 }, 'q4'],
    [{ maxMs: 2.5 }, 'q8'],
    [{ maxMs: 1, maxDrop: 30 }, 'q4'],
    [{ maxBytes: 20, maxDrop: 1 }, undefined],
  ])('under %j takes %s', (limits, name) => {
    expect(recommend(variants, limits)?.name).toBe(name);
  });
});

describe('the interval of a quantile', () => {
  it('holds the true one about 95 times of 100', () => {
    const random = new Random('quantiles');
    for (const q of [0.5, 0.95]) {
      const truth = -Math.log(1 - q); // of exponential times
      let held = 0;
      for (let trial = 0; trial < 400; trial++) {
        const times = Array.from({ length: 200 }, () => -Math.log(1 - random.float()));
        const { low, high, value } = quantileInterval(times, q);
        expect(low <= value && value <= high).toBe(true);
        if (low <= truth && truth <= high) held++;
      }
      expect(held / 400).toBeGreaterThan(0.91);
      expect(held / 400).toBeLessThan(0.995);
    }
  });
});
