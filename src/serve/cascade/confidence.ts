import { UserError } from '../../errors.js';
import { softmax } from '../../math/index.js';

/**
 * How sure a model is of an answer, from its logits z at a temperature T, with p = softmax(z / T), or σ(z / T) of a
 * SigLIP, whose classes are decided one by one:
 *
 * - `probability`: max p
 * - `margin`: the largest p less the second largest
 * - `entropy`: 1 + Σ q ln q / ln C of q = p / Σ p, 0 for equal chances and 1 for certainty
 * - `energy`: T ln Σ exp(z / T), the negative free energy of Liu et al. 2020 (arXiv 2010.03759), of any size
 */
export const confidences = ['probability', 'margin', 'entropy', 'energy'] as const;
/** What a cascade's threshold is compared with. */
export type Confidence = (typeof confidences)[number];

/**
 * Confidence in the likeliest class: see {@link confidences}.
 *
 * @param p where they are known, or no softmax
 */
export function confidenceOf(
  kind: Confidence,
  logits: ArrayLike<number>,
  temperature = 1,
  p: Float64Array = softmax(logits, temperature),
): number {
  switch (kind) {
    case 'energy':
      // The softmax of the likeliest is exp(z / T) over the sum that is asked for.
      return largest(logits) - temperature * Math.log(largest(softmax(logits, temperature)));
    case 'probability':
      return largest(p);
    case 'margin': {
      let [first, second] = [0, 0];
      for (let i = 0; i < p.length; i++) {
        const x = p[i]!;
        if (x > first) [first, second] = [x, first];
        else if (x > second) second = x;
      }
      return first - second;
    }
    case 'entropy': {
      let [entropy, total] = [0, 0];
      for (let i = 0; i < p.length; i++) {
        total += p[i]!;
        if (p[i]! > 0) entropy -= p[i]! * Math.log(p[i]!);
      }
      if (p.length < 2) return 1;
      return total > 0 ? 1 - (entropy / total + Math.log(total)) / Math.log(p.length) : 0;
    }
  }
}

/** Index of the largest; of equal ones the first. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/**
 * @param what names the threshold in the error
 * @throws UserError for one that no confidence can have
 */
export function checkThreshold(threshold: number, kind: Confidence, what = 'threshold'): void {
  const fits = kind === 'energy' ? Number.isFinite(threshold) : threshold >= 0 && threshold <= 1;
  if (fits) return;
  const range = kind === 'energy' ? 'a finite number' : `0 to 1, as the confidence is ${kind}`;
  throw new UserError(`${what}: expected ${range}, got ${threshold}`);
}

const largest = (values: ArrayLike<number>) => values[argMax(values)]!;
