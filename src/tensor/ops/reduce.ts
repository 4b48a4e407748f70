import { normalizeAxis } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { mul } from './arithmetic.js';
import { sum } from './broadcasting.js';

/** Mean over axes (all of them by default). */
export function mean(x: Tensor, axes?: readonly number[], keepdims = false): Tensor {
  const over = (axes ?? x.shape.map((_, i) => i)).map((a) => normalizeAxis('mean', a, x.shape));
  const count = over.reduce((n, a) => n * x.sizes('mean')[a]!, 1);
  return mul(sum(x, over, keepdims), 1 / count);
}
