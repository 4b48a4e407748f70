import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/** ‖prompts‖² / elements: the mean square of all prompt vectors together, or undefined where there are none. */
export function promptPenalty(prompts: readonly Tensor[]): Tensor | undefined {
  if (prompts.length === 0) return undefined;
  let elements = 0;
  let total: Tensor | undefined;
  for (const p of prompts) {
    elements += (p.shape as number[]).reduce((a, b) => a * b, 1);
    const squares = t.sum(t.square(p));
    total = total ? t.add(total, squares) : squares;
  }
  return t.mul(total!, 1 / elements);
}
