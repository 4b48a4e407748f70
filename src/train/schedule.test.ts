import { expect, it } from 'vitest';
import { epochCosine, warmupConstant, warmupCosine } from './schedule.js';

it('rises linearly, then falls along half a cosine to the floor', () => {
  const rate = warmupCosine({ peak: 1, steps: 14, warmupSteps: 4, floor: 0.2 });
  expect([0, 1, 2, 3].map(rate)).toEqual([0.25, 0.5, 0.75, 1]);
  expect(rate(4)).toBe(1);
  expect(rate(9)).toBeCloseTo(0.6);
  expect(rate(14)).toBeCloseTo(0.2);
  expect(rate(20)).toBeCloseTo(0.2);
});

it('keeps one rate an epoch, the cosine begun behind the first', () => {
  const rate = epochCosine({ peak: 5e-3, first: 1e-5, epochs: 4, stepsPerEpoch: 2 });
  const epochs = [0, 2, 4, 6].map((step) => [rate(step), rate(step + 1)] as const);
  for (const [begin, end] of epochs) expect(begin).toBe(end);
  // Of PyTorch 2: CosineAnnealingLR(T_max=4), stepped after every epoch but the first.
  const published = [1e-5, 0.005, 0.004267766952966369, 0.0025];
  for (const [i, [lr]] of epochs.entries()) expect(lr).toBeCloseTo(published[i]!, 12);
});

it('holds a constant rate, and takes runs of no length', () => {
  expect([0, 1, 5].map(warmupConstant({ peak: 2, warmupSteps: 2 }))).toEqual([1, 2, 2]);
  expect(warmupCosine({ peak: 1, steps: 0, warmupSteps: 5 })(0)).toBe(1);
});
