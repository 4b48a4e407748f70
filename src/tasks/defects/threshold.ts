/** Where sound ends: from the scores of sound images alone. */
export interface Threshold {
  /** What scores above it is called defective. */
  readonly value: number;
  /** 95 % interval of the score that the wanted share of sound images stays below; null: no end can be told. */
  readonly interval: readonly [low: number | null, high: number | null];
  /** What typical sound images score: the median. */
  readonly typical: number;
  /** False alarms per 1,000 sound images. */
  readonly falseAlarms: {
    readonly wanted: number;
    /** On average over all draws of as many sound images. */
    readonly expected: number;
    /** 95 % interval for this draw. */
    readonly low: number;
    readonly high: number;
  };
  /** Scores of the sound images that it was set by, from the least up. */
  readonly sound: readonly number[];
}

/**
 * The threshold that lets about `wanted` of 1,000 sound images be alarms, by the scores of n of them, whatever their
 * distribution: the k-th smallest, k = ⌈(n + 1)(1 − wanted / 1000)⌉, above which a further image of the same kind lies with
 * probability (n + 1 − k) / (n + 1) (split conformal prediction, Vovk et al. 2005). Where k is over n, the greatest is
 * taken, and the expected alarms are more than wanted: so few images promise no more.
 *
 * The rate of alarms of this one draw has a Beta(n + 1 − k, k) distribution; the interval of the quantile is that of order
 * statistics.
 *
 * @param scores of sound images, higher where more defective
 * @throws RangeError without scores
 * @example
 * const { value, falseAlarms } = thresholdFromSound([0.1, 0.2, 0.15, 0.12], 10);
 * console.log(`above ${value}: ${falseAlarms.expected} false alarms of 1,000 expected`);
 */
export function thresholdFromSound(scores: readonly number[], wanted: number): Threshold {
  const n = scores.length;
  if (n === 0) throw new RangeError('thresholdFromSound: expected scores of sound images, got none');
  const sorted = [...scores].sort((a, b) => a - b);
  const q = 1 - wanted / 1000;
  const k = Math.min(n, Math.max(1, Math.ceil((n + 1) * q - 1e-9)));
  const rate = (share: number) => 1000 * betaQuantile(share, n + 1 - k, k);
  return {
    value: sorted[k - 1]!,
    interval: quantileInterval(sorted, q),
    typical: (sorted[(n - 1) >> 1]! + sorted[n >> 1]!) / 2,
    falseAlarms: { wanted, expected: (1000 * (n + 1 - k)) / (n + 1), low: rate(0.025), high: rate(0.975) },
    sound: sorted,
  };
}

/**
 * False alarms that a score lets through of 1,000 sound images, expected from those that the threshold was set by: with k
 * of n above it, 1000 (k + 1) / (n + 1).
 */
export function falseAlarmsAt({ sound }: Pick<Threshold, 'sound'>, value: number): number {
  return (1000 * (sound.filter((score) => score > value).length + 1)) / (sound.length + 1);
}

/** Where all sound images score alike, the least that tells two scores apart stands for their spread. */
const leastSpread = 1e-6;

/** How far the threshold is from what sound images typically score. */
export const spreadOf = ({ value, typical }: Threshold): number => Math.max(leastSpread, value - typical);

/** A score as a detector's graph gives it: ½ + (x − t) / 2(t − m), cut to 0 to 1. */
export const mappedScore = (score: number, threshold: Threshold): number =>
  Math.min(1, Math.max(0, 0.5 + (score - threshold.value) / (2 * spreadOf(threshold))));

/** Order statistics between which the q-quantile lies with 95 % confidence, 2.5 % left on either side; null: beyond them. */
function quantileInterval(sorted: readonly number[], q: number): [number | null, number | null] {
  const n = sorted.length;
  // P(X(r) ≤ quantile) = P(at least r of n lie below it).
  let [low, high]: [number | null, number | null] = [null, null];
  let below = 0; // P(at most r − 1 of n)
  const chances = binomials(n, q);
  for (let r = 1; r <= n; r++) {
    below += chances[r - 1]!;
    if (below <= 0.025) low = sorted[r - 1]!;
    if (below >= 0.975 && high === null) high = sorted[r - 1]!;
  }
  return [low, high];
}

/** P(k of n) with a chance of p each, for k from 0 to n. */
function binomials(n: number, p: number): Float64Array {
  const chances = new Float64Array(n + 1);
  if (p <= 0 || p >= 1) {
    chances[p <= 0 ? 0 : n] = 1;
    return chances;
  }
  let ways = 0; // logarithm of n over k
  for (let k = 0; k <= n; k++) {
    if (k > 0) ways += Math.log((n - k + 1) / k);
    chances[k] = Math.exp(ways + k * Math.log(p) + (n - k) * Math.log(1 - p));
  }
  return chances;
}

/** The q-quantile of a Beta distribution of whole parameters, by halving: its distribution function is a binomial sum. */
function betaQuantile(q: number, a: number, b: number): number {
  const n = a + b - 1;
  const upTo = (x: number) => {
    const chances = binomials(n, x);
    let sum = 0;
    for (let j = a; j <= n; j++) sum += chances[j]!;
    return sum;
  };
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (upTo(middle) < q) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
