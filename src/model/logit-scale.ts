import { families } from '../clip/index.js';
import type { Params } from '../nn/index.js';

/** CLIP's bound: exp(logit_scale) stays at most 100. */
export const { largestLogitScale } = families.clip;

/** Keeps a model's `logit_scale` below its bound. */
export function boundLogitScale(params: Params): void {
  const { data } = params.logit_scale!;
  data[0] = Math.min(data[0]!, largestLogitScale);
}
