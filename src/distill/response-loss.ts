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

/**
 * The prompt response loss: T² KL(softmax(z_t/T) ‖ softmax(z_s/T)) + λ ‖prompts‖².
 *
 * With `bothWays` the KL is the mean of the one over texts (classify an image) and the one over images
 * (find the image of a text): retrieval from text to image learns from the same logits.
 * The penalty is a mean over elements, so that λ means the same for any number of prompts.
 *
 * @param student logits z_s [B, N]
 * @param teacher logits z_t [B, N]
 * @param prompts the student's prompts in use, any shapes; empty without prompts
 */
export function responseLoss(
  student: Tensor,
  teacher: Tensor,
  prompts: readonly Tensor[],
  options: { temperature: number; lambda: number; bothWays?: boolean },
): Tensor {
  let loss = klDivergence(student, teacher, options.temperature);
  if (options.bothWays) {
    const back = klDivergence(t.transpose(student), t.transpose(teacher), options.temperature);
    loss = t.mul(t.add(loss, back), 0.5);
  }
  const penalty = options.lambda > 0 ? promptPenalty(prompts) : undefined;
  return penalty ? t.add(loss, t.mul(penalty, options.lambda)) : loss;
}
