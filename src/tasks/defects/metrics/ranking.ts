import { descending } from './descending.js';

/** Counts at a threshold: of what scores at least so much, how many are defective and how many are sound. */
interface Counts {
  readonly threshold: number;
  readonly hits: number;
  readonly alarms: number;
}

/** How well scores tell defective from sound. Undefined where there is only one of both. */
export interface Ranking {
  /** Area under the ROC curve, equals counted half: scikit-learn's `roc_auc_score`. */
  readonly auroc: number;
  /** Σ (Rₙ − Rₙ₋₁) Pₙ over falling thresholds: scikit-learn's `average_precision_score`. */
  readonly averagePrecision: number;
  /**
   * The best F1 over all thresholds, 2PR / (P + R + 1e-10) as in anomalib. It looks at the answers: an oracle, which no
   * threshold from sound images alone reaches but by luck.
   */
  readonly oracleF1: { readonly f1: number; readonly threshold: number };
  /** The greatest share of defects that a threshold finds while of so many alarms in a hundred or thousand are true. */
  readonly recallAtPrecision: { readonly '0.99': number; readonly '0.999': number };
}

/**
 * Ranks scores against what they should tell.
 *
 * @param defective 1 or 0 for each score
 * @returns undefined where all are defective or none is: then there is nothing to tell apart
 * @example
 * const ranking = rank(Float32Array.of(0.1, 0.4, 0.35, 0.8), Uint8Array.of(0, 0, 1, 1));
 * console.log(ranking?.auroc); // 0.75
 */
export function rank(scores: Float32Array, defective: Uint8Array): Ranking | undefined {
  const positives = defective.reduce((sum, one) => sum + one, 0);
  const negatives = scores.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  let [auroc, averagePrecision] = [0, 0];
  let oracle = { f1: 0, threshold: Number.POSITIVE_INFINITY };
  const recall = { '0.99': 0, '0.999': 0 };
  let before = { hits: 0, alarms: 0 };
  for (const { threshold, hits, alarms } of countsOf(scores, defective)) {
    auroc += ((alarms - before.alarms) * (hits + before.hits)) / 2;
    const [p, r] = [hits / (hits + alarms), hits / positives];
    averagePrecision += ((hits - before.hits) / positives) * p;
    const f1 = (2 * p * r) / (p + r + 1e-10);
    if (f1 > oracle.f1) oracle = { f1, threshold };
    for (const least of ['0.99', '0.999'] as const) if (p >= Number(least)) recall[least] = Math.max(recall[least], r);
    before = { hits, alarms };
  }
  return {
    auroc: auroc / (positives * negatives),
    ...{ averagePrecision, oracleF1: oracle, recallAtPrecision: recall },
  };
}

/** Counts at each different score, from the greatest down. */
function* countsOf(scores: Float32Array, defective: Uint8Array): Generator<Counts> {
  const order = descending(scores);
  let [hits, alarms] = [0, 0];
  for (const [place, i] of order.entries()) {
    if (defective[i]) hits++;
    else alarms++;
    const threshold = scores[i]!;
    if (place + 1 === order.length || scores[order[place + 1]!] !== threshold) yield { threshold, hits, alarms };
  }
}
