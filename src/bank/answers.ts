import { softmax } from '../math/index.js';

/**
 * Logarithms of an image's class probabilities, of which the image's task knows some:
 *
 *     p(c) = p_t(c) · Σ_{k of the task} p_0(k) for the task's classes, p_0(c) for all others
 *
 * p_0 is the plain student's softmax over all classes, p_t that of the student with the task's prompts over the task's
 * classes alone. A task shifts probability among its own classes and takes none from others, which the plain student judges
 * as it always did.
 *
 * @param plain logits of the plain student [C]
 * @param own logits with the task's prompts [C]; only those of its classes are read
 * @param known for each class whether the task knows it
 * @returns [C], their exponentials sum to 1
 */
export function answerLogits(
  plain: ArrayLike<number>,
  own: ArrayLike<number>,
  known: readonly boolean[],
): Float64Array {
  const zeroShot = softmax(plain);
  const answers = Float64Array.from(zeroShot, Math.log);
  const mine = [...known.keys()].filter((c) => known[c]);
  if (mine.length === 0) return answers;
  const mass = mine.reduce((total, c) => total + zeroShot[c]!, 0);
  const shares = softmax(mine.map((c) => own[c]!));
  for (const [i, c] of mine.entries()) answers[c] = Math.log(shares[i]!) + Math.log(mass);
  return answers;
}
