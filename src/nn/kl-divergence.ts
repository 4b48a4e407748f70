import type { Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/**
 * T² · KL(softmax(z_t / T) ‖ softmax(z_s / T)), the mean over rows (Hinton et al., arXiv 1503.02531, section 2).
 *
 * @param student logits [B, N]
 * @param teacher logits [B, N]; no gradient goes into them
 * @param temperature T > 0
 * @returns scalar, ≥ 0 and 0 where both softmaxes agree
 */
export function klDivergence(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const logS = t.logSoftmax(t.mul(student, 1 / temperature)); // [B, N]
  const logT = t.stopGradient(t.logSoftmax(t.mul(teacher, 1 / temperature))); // [B, N]
  const rows = t.sum(t.mul(t.exp(logT), t.sub(logT, logS)), [-1]); // [B]
  return t.mul(t.mean(rows), temperature * temperature);
}
