import { softmax } from './softmax.js';

/** How logits over classes become probabilities: a choice among all, or a decision for each class by itself. */
export type Scoring = 'softmax' | 'sigmoid';

/** softmax(z / T), or σ(z / T) of each class by itself, which need not add up to 1; [C]. */
export function classProbabilities(scoring: Scoring, logits: ArrayLike<number>, temperature = 1): Float64Array {
  if (scoring === 'softmax') return softmax(logits, temperature);
  return Float64Array.from(logits, (z) => 1 / (1 + Math.exp(-z / temperature)));
}
