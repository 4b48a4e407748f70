import { classProbabilities, type Scoring } from './class-probabilities.js';

/** A model's logits on images whose class is known. */
export interface Scored {
  /** How they become probabilities. @defaultValue softmax */
  readonly scoring?: Scoring;
  /** For each image [C]. */
  readonly logits: readonly ArrayLike<number>[];
  /** Row of the true class in the logits. */
  readonly labels: readonly number[];
}

/**
 * The temperature T that makes the true classes likeliest: argmin −Σ ln softmax(z / T)_y (Guo et al. 2017, §4.2), or of a
 * SigLIP, whose classes are decided one by one, argmin −Σ (ln σ(z_y / T) + Σ_c≠y ln σ(−z_c / T)).
 *
 * In 1/T either sum is convex; its slope Σ (Σ_c p_c z_c − z_y) is brought to 0 by bisection between 0.01 and 100.
 */
export function fitTemperature(scored: Scored): number {
  return bisectTemperature((temperature) => slope(scored, temperature) > 0);
}

/**
 * The T between 0.01 and 100 where a monotone condition turns from true to false, by bisection of its logarithm.
 *
 * @param tooLow whether T must be higher
 */
export function bisectTemperature(tooLow: (temperature: number) => boolean): number {
  let [low, high] = [Math.log(0.01), Math.log(100)];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (tooLow(Math.exp(middle))) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Positive where the model is too sure at this temperature: it must be cooled down. */
function slope({ scoring = 'softmax', logits, labels }: Scored, temperature: number): number {
  let sum = 0;
  for (const [i, z] of logits.entries()) {
    const p = classProbabilities(scoring, z, temperature);
    sum += p.reduce((mean, x, c) => mean + x * z[c]!, 0) - z[labels[i]!]!;
  }
  return sum;
}
