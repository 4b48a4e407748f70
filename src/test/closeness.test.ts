import { expect, it } from 'vitest';
import { closeness, gradientBound, valueBound } from './closeness.js';

const tensor = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
const large = tensor(55, 0.01, -3);
const small = tensor(0.02, -0.001);
const all = [large, small, tensor(0, 0)];
const judged = (reference: (typeof all)[number], ...got: number[]) =>
  closeness(tensor(...got), reference, () => gradientBound(reference, all)).outside;

it('lets a gradient be off by its tensor’s rounding, in small elements too', () => {
  expect(judged(large, 55.0004, 0.0104, -3.0004)).toBe(-1);
  expect(judged(tensor(0, 0), 5e-5, -1e-6)).toBe(-1); // 0 but for rounding
});

it('finds a gradient that is wrong, of every size', () => {
  expect(judged(large, 55.06, 0.01, -3)).toBe(0);
  expect(judged(large, 55, 0.017, -3)).toBe(1);
  expect(judged(small, 0.02, -0.0011)).toBe(1);
  expect(judged(tensor(0, 0), 0, 1e-4)).toBe(1);
  expect(judged(small, 0.02, Number.NaN)).toBe(1);
});

it('takes values one by one', () => {
  expect(closeness(tensor(1.0005, 1e-4), tensor(1, 0), valueBound)).toMatchObject({ outside: -1 });
  expect(closeness(tensor(100, 2e-4), tensor(100, 0), valueBound)).toMatchObject({ outside: 1 });
});
