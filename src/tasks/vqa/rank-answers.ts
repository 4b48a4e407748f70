/** An answer, and how sure the head is of it. */
export interface RankedAnswer {
  readonly answer: string;
  /** σ of the logit: how right the head expects the answer to be, from 0 to 1. They do not add up to 1. */
  readonly confidence: number;
}

/**
 * A head's answers, the likeliest first.
 *
 * @param logits one an answer
 * @param columns those to choose from; left out: all
 */
export function rankAnswers(
  logits: Float32Array,
  answers: readonly string[],
  columns: readonly number[] = [...answers.keys()],
): RankedAnswer[] {
  return columns
    .map((column) => ({ answer: answers[column]!, confidence: 1 / (1 + Math.exp(-logits[column]!)) }))
    .sort((a, b) => b.confidence - a.confidence);
}
