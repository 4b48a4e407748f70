import { expect, it } from 'vitest';
import { warmupConstant, warmupCosine } from './schedule.js';

it('rises linearly, then falls along half a cosine to the floor', () => {
  const rate = warmupCosine({ peak: 1, steps: 14, warmupSteps: 4, floor: 0.2 });
  expect([0, 1, 2, 3].map(rate)).toEqual([0.25, 0.5, 0.75, 1]);
  expect(rate(4)).toBe(1);
  expect(rate(9)).toBeCloseTo(0.6);
  expect(rate(14)).toBeCloseTo(0.2);
  expect(rate(20)).toBeCloseTo(0.2);
});

it('warms up at a constant rate where asked', () => {
  const rate = warmupCosine({ peak: 5e-3, steps: 10, warmupSteps: 2, constantWarmup: 1e-5 });
  expect([0, 1, 2].map(rate)).toEqual([1e-5, 1e-5, 5e-3]);
});

it('holds a constant rate, and takes runs of no length', () => {
  expect([0, 1, 5].map(warmupConstant({ peak: 2, warmupSteps: 2 }))).toEqual([1, 2, 2]);
  expect(warmupCosine({ peak: 1, steps: 0, warmupSteps: 5 })(0)).toBe(1);
});
