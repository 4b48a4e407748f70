import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/**
 * The cross-entropy of a decision for each pair of an image and a text, whether they belong together:
 *
 *     −1/B Σ_i Σ_j [ y_ij ln σ(z_ij) + (1 − y_ij) ln σ(−z_ij) ].
 *
 * With y of 0 and 1 it is the sigmoid loss of Zhai et al., arXiv 2303.15343, equation 1: a sum over the pairs of a batch,
 * divided by its images, not by its pairs.
 *
 * @param logits z [B, N]
 * @param targets y [B, N], each from 0 to 1
 * @returns scalar
 */
export function sigmoidCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  // −ln σ(−z) = softplus(z), and −ln σ(z) = softplus(z) − z.
  const pairs = t.sub(t.softplus(logits), t.mul(targets, logits)); // [B, N]
  return t.mean(t.sum(pairs, [-1]));
}
