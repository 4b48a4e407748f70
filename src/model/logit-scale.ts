import { families } from '../clip/index.js';

/** CLIP's bound: exp(logit_scale) stays at most 100. */
export const { largestLogitScale } = families.clip;
