import type { Params } from '../nn/index.js';

/** CLIP's bound: exp(logit_scale) stays at most 100 (Radford et al. 2021, section 2.5). */
export const largestLogitScale = Math.log(100);

/** Keeps a model's `logit_scale` below its bound. */
export function boundLogitScale(params: Params): void {
  const { data } = params.logit_scale!;
  data[0] = Math.min(data[0]!, largestLogitScale);
}
