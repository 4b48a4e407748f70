/** The 16 values of 4-bit NormalFloat (Dettmers et al. 2023, QLoRA, appendix E): equally likely under a normal distribution. */
export const nf4 = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/** Half-way points between the neighbours of a rising list. */
function halfways(values: Float32Array): Float32Array {
  return Float32Array.from({ length: values.length - 1 }, (_, i) => (values[i]! + values[i + 1]!) / 2);
}

const BUCKETS = 256;

/** Finds the place of the nearest of a rising list's values in [−1, 1]. */
export function nearestOf(values: Float32Array): (value: number) => number {
  const halfway = halfways(values);
  // Where the search begins for a number between −1 and 1: few buckets hold a half-way point, so it mostly ends there.
  const starts = Uint8Array.from({ length: BUCKETS }, (_, bucket) => {
    const from = (bucket / BUCKETS) * 2 - 1;
    return bucket === 0 ? 0 : halfway.filter((point) => point < from).length;
  });
  return (value) => {
    let place = starts[Math.min(BUCKETS - 1, Math.max(0, (value + 1) * (BUCKETS / 2))) | 0]!;
    while (place < halfway.length && value > halfway[place]!) place++;
    return place;
  };
}

const ROUNDS = 25;

/**
 * 16 values fitted to numbers in [−1, 1]: weighted k-means in one dimension (Lloyd 1982), begun at `nf4`. A value that no
 * number is nearest to stays where it is.
 *
 * @param weights what an error in each number costs
 * @returns rising values
 */
export function fitCodebook(numbers: Float32Array, weights: Float32Array): Float32Array {
  let values = nf4;
  for (let round = 0; round < ROUNDS; round++) {
    const nearest = nearestOf(values);
    const [sums, totals] = [new Float64Array(16), new Float64Array(16)];
    for (let i = 0; i < numbers.length; i++) {
      const at = nearest(numbers[i]!);
      sums[at]! += weights[i]! * numbers[i]!;
      totals[at]! += weights[i]!;
    }
    const moved = values.map((value, at) => (totals[at]! > 0 ? sums[at]! / totals[at]! : value)).sort();
    const still = moved.every((value, at) => Math.abs(value - values[at]!) < 1e-6);
    values = moved;
    if (still) break;
  }
  return values;
}
