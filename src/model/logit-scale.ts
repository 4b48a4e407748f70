/** CLIP's bound: exp(logit_scale) stays at most 100 (Radford et al. 2021, section 2.5). */
export const largestLogitScale = Math.log(100);
