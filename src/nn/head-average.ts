import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/**
 * A layer's attention averaged over heads, prompt tokens left out, rows summing to 1 again.
 *
 * @param attention [B, H, T + n, T + n], prompts last
 * @param tokens T, how many tokens come before the prompts
 * @param ranks over how many ranks the heads are split
 * @returns [B, T, T]
 */
export function headAverage(attention: Tensor, tokens: number, ranks = 1): Tensor {
  const own = t.mean(attention, [1]);
  const mean = ranks > 1 ? t.mul(t.sumOverRanks(own), 1 / ranks) : own; // [B, T + n, T + n]
  if (mean.shape[2] === tokens) return mean;
  return renormalizeRows(t.slice(t.slice(mean, 1, 0, tokens), 2, 0, tokens));
}

/** Rows divided by their sum, so that each is a distribution again. [..., T] */
export function renormalizeRows(x: Tensor): Tensor {
  return t.div(x, t.add(t.sum(x, [-1], true), 1e-6));
}
