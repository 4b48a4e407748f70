/** A measured fraction with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Two-sided 95 % quantile of the standard normal distribution. */
const z = 1.959964;

/**
 * A share k / n with Wilson's score interval (Wilson 1927), which stays inside [0, 1] and holds for shares near its
 * ends: centre (p + z²/2n) / (1 + z²/n), half width z √(p(1 − p)/n + z²/4n²) / (1 + z²/n).
 *
 * @throws RangeError unless 0 ≤ k ≤ n and n > 0
 */
export function wilson(k: number, n: number): Interval {
  if (!(n > 0 && k >= 0 && k <= n)) throw new RangeError(`wilson: expected 0 ≤ k ≤ n and n > 0, got k ${k}, n ${n}`);
  const p = k / n;
  const stretch = 1 + z ** 2 / n;
  const centre = (p + z ** 2 / (2 * n)) / stretch;
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / stretch;
  // At 0 of n and n of n the bounds are 0 and 1 but for rounding.
  return { value: p, low: k === 0 ? 0 : centre - half, high: k === n ? 1 : centre + half };
}
