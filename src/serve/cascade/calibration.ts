import { softmax } from '../../math/index.js';
import { argMax } from './confidence.js';

/** A model's logits on pictures whose class is known. */
export interface Scored {
  /** For each picture [C]. */
  readonly logits: readonly ArrayLike<number>[];
  /** Row of the true class in the logits. */
  readonly labels: readonly number[];
}

/** Share of pictures whose true class is the likeliest. */
export function accuracyOf({ logits, labels }: Scored): number {
  return logits.filter((z, i) => argMax(z) === labels[i]).length / labels.length;
}

/**
 * The temperature T that makes the true classes likeliest: argmin −Σ ln softmax(z / T)_y (Guo et al. 2017, §4.2).
 *
 * In 1/T the sum is convex; its slope Σ (E_p[z] − z_y) is brought to 0 by bisection between 0.01 and 100.
 */
export function fitTemperature({ logits, labels }: Scored): number {
  let [low, high] = [Math.log(0.01), Math.log(100)];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    // A positive slope: the model is too sure, it must be cooled down.
    if (slope(logits, labels, Math.exp(middle)) > 0) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

function slope(logits: readonly ArrayLike<number>[], labels: readonly number[], temperature: number): number {
  let sum = 0;
  for (const [i, z] of logits.entries()) {
    const p = softmax(z, temperature);
    sum += p.reduce((mean, x, c) => mean + x * z[c]!, 0) - z[labels[i]!]!;
  }
  return sum;
}

/**
 * Expected calibration error: Σ_b n_b/n · |accuracy_b − mean probability_b| over bins of the likeliest class's
 * probability, of equal width (Guo et al. 2017, eq. 3, 15 bins).
 */
export function calibrationError({ logits, labels }: Scored, temperature = 1, bins = 15): number {
  const right = new Float64Array(bins);
  const sure = new Float64Array(bins);
  for (const [i, z] of logits.entries()) {
    const p = softmax(z, temperature);
    const answer = argMax(p);
    const bin = Math.min(bins - 1, Math.floor(p[answer]! * bins));
    sure[bin]! += p[answer]!;
    if (answer === labels[i]) right[bin]!++;
  }
  return sure.reduce((sum, s, b) => sum + Math.abs(right[b]! - s), 0) / logits.length;
}
