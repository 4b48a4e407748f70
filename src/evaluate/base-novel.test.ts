import { expect, it } from 'vitest';
import { harmonicInterval } from './index.js';

it('gives the harmonic mean the interval that its two shares carry', () => {
  const share = (value: number) => ({ value, low: value - 0.02, high: value + 0.03 });
  // Of two equal shares each moves the mean by half of its own way.
  const { value, low, high } = harmonicInterval(share(0.6), share(0.6));
  expect([value, low, high]).toEqual(
    [0.6, 0.6 - 0.02 / Math.SQRT2, 0.6 + 0.03 / Math.SQRT2].map((x) => expect.closeTo(x, 12)),
  );
  // A share near 0 decides alone: its way counts twice.
  const small = harmonicInterval(share(0.9), { value: 0.01, low: 0.005, high: 0.02 });
  expect(small.high - small.value).toBeCloseTo(2 * (0.9 / 0.91) ** 2 * 0.01, 4);
  const nothing = { value: 0, low: 0, high: 0.1 };
  expect(harmonicInterval(nothing, nothing)).toEqual({ value: 0, low: 0, high: expect.closeTo(0.1, 12) });
});
