import { softmax } from './softmax.js';

/** A model's logits on images whose class is known. */
export interface Scored {
  /** For each image [C]. */
  readonly logits: readonly ArrayLike<number>[];
  /** Row of the true class in the logits. */
  readonly labels: readonly number[];
}

/**
 * The temperature T that makes the true classes likeliest: argmin −Σ ln softmax(z / T)_y (Guo et al. 2017, §4.2).
 *
 * In 1/T the sum is convex; its slope Σ (E_p[z] − z_y) is brought to 0 by bisection between 0.01 and 100.
 */
export function fitTemperature({ logits, labels }: Scored): number {
  return bisectTemperature((temperature) => slope(logits, labels, temperature) > 0);
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
function slope(logits: readonly ArrayLike<number>[], labels: readonly number[], temperature: number): number {
  let sum = 0;
  for (const [i, z] of logits.entries()) {
    const p = softmax(z, temperature);
    sum += p.reduce((mean, x, c) => mean + x * z[c]!, 0) - z[labels[i]!]!;
  }
  return sum;
}
