import { dots, type Rows, softmax } from '../../math/index.js';

/** A teacher as a classifier of the run's classes. */
export interface Classifier {
  /** Unit rows [C, P], in the order of the run's classes. */
  readonly classes: Rows;
  /** exp(logit_scale). */
  readonly scale: number;
  /** T by which its logits are divided before they are compared with other teachers': see `fitTeacher`. */
  readonly temperature: number;
  /** 1 for the classes that it was adapted to [C]; left out: all. */
  readonly known?: Uint8Array;
}

/** Logits of one image, scaled, not yet divided by the temperature. @param images unit rows */
export function logitsOf({ classes, scale }: Pick<Classifier, 'classes' | 'scale'>, images: Rows, row: number) {
  return dots(images, row, classes, new Float64Array(classes.count)).map((cosine) => scale * cosine);
}

/** p = softmax(z / T) of one image over the classes [C]. @param images unit rows */
export function answerOf(classifier: Classifier, images: Rows, row: number): Float64Array {
  return softmax(logitsOf(classifier, images, row), classifier.temperature);
}

/** The likeliest class; of equal ones the first. */
export function bestOf(p: ArrayLike<number>): number {
  let best = 0;
  for (let c = 1; c < p.length; c++) if (p[c]! > p[best]!) best = c;
  return best;
}

/** How sure an answer is. */
export interface Sureness {
  /** max p */
  readonly confidence: number;
  /** The largest probability less the second. */
  readonly margin: number;
  /** −Σ p ln p / ln C, from 0 to 1. */
  readonly entropy: number;
}

export function surenessOf(p: ArrayLike<number>): Sureness {
  let [first, second, sum] = [0, 0, 0];
  for (let c = 0; c < p.length; c++) {
    const x = p[c]!;
    if (x > first) [first, second] = [x, first];
    else if (x > second) second = x;
    if (x > 0) sum -= x * Math.log(x);
  }
  return { confidence: first, margin: first - second, entropy: p.length > 1 ? sum / Math.log(p.length) : 0 };
}

/** KL(p ‖ q) = Σ p ln(p / q); what is below 1e-12 in q counts as that. */
export function divergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let c = 0; c < p.length; c++) if (p[c]! > 0) sum += p[c]! * Math.log(p[c]! / Math.max(q[c]!, 1e-12));
  return Math.max(0, sum);
}

/** Σ_k w_k p_k [C]. */
export function mixed(answers: readonly ArrayLike<number>[], weights: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(answers[0]!.length);
  for (const [k, p] of answers.entries()) for (let c = 0; c < sum.length; c++) sum[c]! += weights[k]! * p[c]!;
  return sum;
}

/** The plain mean of some answers [C]. */
export function equalMix(answers: readonly ArrayLike<number>[]): Float64Array {
  return mixed(answers, new Float64Array(answers.length).fill(1 / answers.length));
}

/**
 * The class-slice rule (OnPoKD, arXiv 2609.10321, eq. 12): a teacher keeps its probabilities of the classes that it was
 * adapted to; what it gives the others together is dealt among them as another answer has it.
 *
 *     q(y) = p(y) on known classes, (Σ_unknown p) · o(y) / Σ_unknown o on the others
 *
 * @param known 1 for known classes [C]
 */
export function sliced(p: ArrayLike<number>, other: ArrayLike<number>, known: Uint8Array): Float64Array {
  let [own, theirs] = [0, 0];
  for (let c = 0; c < known.length; c++) {
    if (known[c]) continue;
    own += p[c]!;
    theirs += other[c]!;
  }
  return Float64Array.from({ length: known.length }, (_, c) =>
    known[c] || theirs === 0 ? p[c]! : (own * other[c]!) / theirs,
  );
}

/** All teachers' answers after the class-slice rule: what one does not know is dealt as the mean of those who do not lack it. */
export function slicedAnswers(answers: readonly Float64Array[], known: readonly (Uint8Array | undefined)[]) {
  if (known.every((mask) => mask === undefined)) return answers;
  return answers.map((p, k) => {
    const mask = known[k];
    const others = answers.filter((_, j) => j !== k);
    return mask && others.length > 0 ? sliced(p, equalMix(others), mask) : p;
  });
}
