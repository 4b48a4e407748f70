/** A figure over several seeds. */
export interface Spread {
  readonly mean: number;
  /** Sample standard deviation, √(Σ (x − mean)² / (n − 1)); left out for one value. */
  readonly deviation?: number;
  /** In the order of the seeds. */
  readonly values: readonly number[];
}

/**
 * Mean and sample standard deviation of figures over several seeds.
 *
 * @param values at least one
 */
export function spread(values: readonly number[]): Spread {
  const count = values.length;
  if (count === 0) throw new RangeError('spread: expected at least one value, got none');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, values };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), values };
}
