import { z } from 'zod';

const finite = z.number();

/** How two scores of a finding become a probability, and what is said at which. */
export const calibration = z.strictObject({
  /** p = σ(head · z + pair · s + bias). */
  head: finite,
  pair: finite,
  bias: finite,
  /** From here on the finding is said to be there; null: it is never, it was not seen often enough to be judged. */
  present: finite.nullable(),
  /** Up to here it is said not to be there; null: never. */
  absent: finite.nullable(),
});
export type Calibration = z.infer<typeof calibration>;

/** One held-out study's scores of a finding, and whether its report affirms it. */
export interface Scored {
  /** The head's logit, z. */
  readonly head: number;
  /** Logit of the positive prompts less that of the negative ones, s. */
  readonly pair: number;
  readonly isThere: boolean;
}

/** What is neither trusted nor refuted in fewer studies than this is not judged. */
const fewest = 5;
/** Precision of the normal prior on both factors, at unit scale: it weighs less the more studies there are. */
const prior = 4;

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export const probability = (
  { head, pair, bias }: Omit<Calibration, 'present' | 'absent'>,
  scored: Omit<Scored, 'isThere'>,
) => sigmoid(head * scored.head + pair * scored.pair + bias);

/**
 * Fits a finding's calibration on held-out studies: logistic regression on both scores (Platt 1999) by Newton's method, with a
 * weak prior that makes probabilities cautious where studies are few; then the threshold of best F1, and the largest probability below which at most `missed` of the studies have the finding.
 *
 * With fewer than five studies with or without the finding nothing is ever said of it.
 *
 * @param missed 0 … 1
 * @param sure the least probability from which a finding is said to be there, however good a lower threshold's F1 is
 */
export function fitCalibration(studies: readonly Scored[], missed: number, sure: number): Calibration {
  const there = studies.filter(({ isThere }) => isThere).length;
  const isJudged = there >= fewest && studies.length - there >= fewest;
  const fitted = isJudged ? fit(studies) : { head: 1, pair: 0, bias: 0 };
  if (!isJudged) return { ...fitted, present: null, absent: null };
  const ranked = studies
    .map((one) => ({ p: probability(fitted, one), isThere: one.isThere }))
    .sort((a, b) => b.p - a.p);
  const present = Math.max(sure, bestF1(ranked, there));
  return { ...fitted, present, absent: absentBelow(ranked.toReversed(), missed, present) };
}

/** Both scores are brought to unit scale first, so that one ridge fits both. */
function fit(studies: readonly Scored[]): { head: number; pair: number; bias: number } {
  const scaleOf = (values: readonly number[]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return { mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) || 1 };
  };
  const [h, s] = [scaleOf(studies.map(({ head }) => head)), scaleOf(studies.map(({ pair }) => pair))];
  const rows = studies.map(({ head, pair, isThere }) => ({
    x: [(head - h.mean) / h.deviation, (pair - s.mean) / s.deviation, 1],
    y: isThere ? 1 : 0,
  }));
  const ridge = prior / rows.length;
  let w = [0, 0, 0];
  for (let step = 0; step < 25; step++) {
    const gradient = [ridge * w[0]!, ridge * w[1]!, 0];
    const hessian = [
      [ridge, 0, 0],
      [0, ridge, 0],
      [0, 0, 1e-9],
    ];
    for (const { x, y } of rows) {
      const p = sigmoid(x.reduce((sum, value, i) => sum + value * w[i]!, 0));
      const weight = Math.max(1e-6, p * (1 - p)) / rows.length;
      for (let i = 0; i < 3; i++) {
        gradient[i]! += ((p - y) * x[i]!) / rows.length;
        for (let j = 0; j < 3; j++) hessian[i]![j]! += weight * x[i]! * x[j]!;
      }
    }
    const change = solved(hessian, gradient);
    w = w.map((value, i) => value - Math.max(-5, Math.min(5, change[i]!)));
  }
  const [head, pair] = [w[0]! / h.deviation, w[1]! / s.deviation];
  return { head, pair, bias: w[2]! - head * h.mean - pair * s.mean };
}

/** Solves three equations by Cramer's rule. */
function solved(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const det = (m: readonly (readonly number[])[]) =>
    m[0]![0]! * (m[1]![1]! * m[2]![2]! - m[1]![2]! * m[2]![1]!) -
    m[0]![1]! * (m[1]![0]! * m[2]![2]! - m[1]![2]! * m[2]![0]!) +
    m[0]![2]! * (m[1]![0]! * m[2]![1]! - m[1]![1]! * m[2]![0]!);
  const all = det(a);
  return [0, 1, 2].map((k) => det(a.map((row, i) => row.map((value, j) => (j === k ? b[i]! : value)))) / all);
}

interface Ranked {
  readonly p: number;
  readonly isThere: boolean;
}

/** @param ranked the likeliest first */
function bestF1(ranked: readonly Ranked[], there: number): number {
  let best = { f1: -1, at: 0.5 };
  let right = 0;
  for (const [i, { p, isThere }] of ranked.entries()) {
    if (isThere) right++;
    // Equal probabilities are on one side.
    if (ranked[i + 1]?.p === p) continue;
    const f1 = (2 * right) / (i + 1 + there);
    if (f1 > best.f1) best = { f1, at: (p + (ranked[i + 1]?.p ?? 0)) / 2 };
  }
  return best.at;
}

/** @param ranked the unlikeliest first */
function absentBelow(ranked: readonly Ranked[], missed: number, present: number): number | null {
  let [there, found]: [number, number | null] = [0, null];
  for (const [i, { p, isThere }] of ranked.entries()) {
    if (p >= present) break;
    if (isThere) there++;
    if (ranked[i + 1]?.p === p) continue;
    if (there <= missed * (i + 1)) found = Math.min(present, (p + (ranked[i + 1]?.p ?? 1)) / 2);
  }
  return found;
}
