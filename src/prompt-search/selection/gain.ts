import type { Interval } from '../../math/index.js';
import { quantile, Random } from '../../math/index.js';

/**
 * How much more of the same images one way gets right than another: the difference of their accuracies, with the 95 %
 * interval of a paired bootstrap (Efron and Tibshirani 1993, §13.3: percentiles over resampled images).
 *
 * @param ours whether each image is right
 * @param theirs the same images, the same order
 */
export function pairedGain(
  ours: readonly boolean[],
  theirs: readonly boolean[],
  seed: number,
  resamples = 2000,
): Interval {
  if (ours.length !== theirs.length || ours.length === 0) {
    throw new RangeError(`pairedGain: expected the same images, got ${ours.length} and ${theirs.length}`);
  }
  const random = new Random(seed, 'bootstrap');
  const n = ours.length;
  const differences = Int8Array.from(ours, (right, i) => Number(right) - Number(theirs[i]));
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += differences[random.int(n)]!;
    return sum / n;
  });
  const value = differences.reduce((sum, d) => sum + d, 0) / n;
  return { value, low: quantile(means, 0.025), high: quantile(means, 0.975) };
}
