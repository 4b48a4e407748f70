import { surenessOf } from './answers.js';

/** Weights of the teachers for one image, from their answers [C] each; they sum to 1. */
export type Weigh = (answers: readonly Float64Array[]) => Float64Array;

/** w_k = v_k / Σ_j v_j; all alike where the sum is 0. */
export function shares(values: ArrayLike<number>): Float64Array {
  const total = Array.from(values).reduce((sum, value) => sum + value, 0);
  return Float64Array.from(values, (value) => (total > 0 ? value / total : 1 / values.length));
}

/** Every teacher at least `floor`: w_k = floor + (1 − K · floor) w_k. @param floor from 0 to 1 / K */
export function withFloor(weights: Float64Array, floor: number): Float64Array {
  return weights.map((weight) => floor + (1 - weights.length * floor) * weight);
}

/** w_k = 1 / K. */
export const equalWeights: Weigh = (answers) => shares(new Float64Array(answers.length).fill(1));

/** w_k ∝ max_y p_k(y): the surer a teacher, the more it counts. The formula of TheProfessor is not published; this is ours. */
export const confidenceWeights: Weigh = (answers) => shares(answers.map((p) => surenessOf(p).confidence));

/** w_k = (1 − H_k / Σ_j H_j) / (K − 1), H the entropy (EBKD; Kwon et al. 2020), which sums to 1. */
export const entropyWeights: Weigh = (answers) => {
  const entropies = answers.map((p) => surenessOf(p).entropy);
  const total = entropies.reduce((sum, h) => sum + h, 0);
  if (total === 0 || answers.length === 1) return equalWeights(answers);
  return Float64Array.from(entropies, (h) => (1 - h / total) / (answers.length - 1));
};

/**
 * w_k ∝ Σ_y p_k(y) p̄(y), p̄ the mean of all answers: how likely a teacher's answer and that of a teacher drawn by lot are
 * the same. One that stands alone counts little, however sure it is. Ours.
 */
export const agreementWeights: Weigh = (answers) => {
  const count = answers[0]!.length;
  const mean = Float64Array.from({ length: count }, (_, c) => answers.reduce((sum, p) => sum + p[c]!, 0));
  return shares(answers.map((p) => p.reduce((sum, x, c) => sum + x * mean[c]!, 0)));
};
