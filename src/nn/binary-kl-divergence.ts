import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/**
 * T² · KL between two models' decisions for each pair of an image and a text, with p = σ(z_t / T) and q = σ(z_s / T):
 *
 *     T²/B Σ_i Σ_j [ p_ij ln(p_ij / q_ij) + (1 − p_ij) ln((1 − p_ij) / (1 − q_ij)) ].
 *
 * Distillation by a binary decision for each label is that of Yang et al., arXiv 2308.06453; the sum is divided by the
 * images as that of the sigmoid loss (Zhai et al., arXiv 2303.15343, equation 1), and T² keeps gradients alike at any T
 * (Hinton et al., arXiv 1503.02531, section 2).
 *
 * @param student logits z_s [B, N], bias included
 * @param teacher logits z_t [B, N], bias included; no gradient goes into them
 * @param temperature T > 0
 * @returns scalar, ≥ 0 and 0 where all decisions agree
 */
export function binaryKlDivergence(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const own = t.mul(student, 1 / temperature); // [B, N]
  const theirs = t.stopGradient(t.mul(teacher, 1 / temperature)); // [B, N]
  // ln p = z − softplus(z) and ln(1 − p) = −softplus(z): no logarithm of what has been rounded to 0 or 1.
  const pairs = t.add(
    t.mul(t.stopGradient(t.sigmoid(theirs)), t.sub(theirs, own)),
    t.sub(t.softplus(own), t.stopGradient(t.softplus(theirs))),
  );
  return t.mul(t.mean(t.sum(pairs, [-1])), temperature * temperature);
}
