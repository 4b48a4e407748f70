/** The q-quantile of some numbers, 0 ≤ q ≤ 1, linear between the two nearest ones. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('quantile: expected at least one value, got none');
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

/** The middle of the values; of an even number the mean of the two in the middle. @throws RangeError for none */
export const median = (values: readonly number[]): number => quantile(values, 0.5);
