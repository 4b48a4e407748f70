import { UserError } from '../../errors.js';

/**
 * How sure a model is of an answer, from its logits z at a temperature T, with p = softmax(z / T):
 *
 * - `probability`: max p
 * - `margin`: the largest p less the second largest
 * - `entropy`: 1 + Σ p ln p / ln C, 0 for equal chances and 1 for certainty
 * - `energy`: T ln Σ exp(z / T), the negative free energy of Liu et al. 2020 (arXiv 2010.03759), of any size
 */
export const confidences = ['probability', 'margin', 'entropy', 'energy'] as const;
export type Confidence = (typeof confidences)[number];

/** p = softmax(z / T), [C] */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = Float64Array.from(logits, (z) => z / temperature);
  const highest = largest(scaled);
  const exps = scaled.map((z) => Math.exp(z - highest));
  const total = exps.reduce((sum, e) => sum + e, 0);
  return exps.map((e) => e / total);
}

/** Confidence in the likeliest class: see {@link confidences}. */
export function confidenceOf(kind: Confidence, logits: ArrayLike<number>, temperature = 1): number {
  if (kind === 'energy') {
    const scaled = Float64Array.from(logits, (z) => z / temperature);
    const highest = largest(scaled);
    return temperature * (highest + Math.log(scaled.reduce((sum, z) => sum + Math.exp(z - highest), 0)));
  }
  const p = softmax(logits, temperature);
  if (kind === 'probability') return largest(p);
  if (kind === 'margin') {
    let [first, second] = [0, 0];
    for (const x of p) {
      if (x > first) [first, second] = [x, first];
      else if (x > second) second = x;
    }
    return first - second;
  }
  const entropy = -p.reduce((sum, x) => sum + (x > 0 ? x * Math.log(x) : 0), 0);
  return p.length > 1 ? 1 - entropy / Math.log(p.length) : 1;
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
