import { UserError } from '../errors.js';

/** Accuracies as fractions: `rows[j][i]` is that on task i after task j was learned, tasks in the order of learning. */
export type AccuracyMatrix = readonly (readonly number[])[];

/** What a whole matrix of accuracies says; each field names its definition. */
export interface ContinualMetrics {
  /** mean over i ≥ 1 of mean over j < i of a[j, i]: tasks that are not learned yet (ZSCL, arXiv 2303.06628). Left out for one task. */
  readonly transfer?: number;
  /** mean over i and j of a[j, i] (ZSCL). */
  readonly avg: number;
  /** mean over i of a[N − 1, i] (ZSCL); the average accuracy ACC of GEM. */
  readonly last: number;
  /** mean over j of the mean over i ≤ j of a[j, i]: over the steps, on the tasks learned so far (PyCIL's average accuracy). */
  readonly averageAccuracy: number;
  /** mean over i < N − 1 of a[N − 1, i] − a[i, i] (GEM, arXiv 1706.08840). Left out for one task. */
  readonly backwardTransfer?: number;
  /** mean over i ≥ 1 of a[i − 1, i] − z[i], z before anything was learned: zero-shot, not a random start as in GEM. */
  readonly forwardTransfer?: number;
  readonly forgetting?: {
    /** mean over i < N − 1 of max over j ≥ i of a[j, i], less a[N − 1, i] (Chaudhry et al., arXiv 1801.10112). */
    readonly fromBest: number;
    /** mean over i < N − 1 of a[i, i] − a[N − 1, i] (Avalanche's Forgetting): −BWT. */
    readonly fromFirst: number;
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The figures of a sequence of tasks.
 *
 * @param rows [N][N], see {@link AccuracyMatrix}
 * @param zeroShot [N], before anything was learned; without it there is no forward transfer
 * @throws UserError where the matrix is not square, empty, or holds something that is not a number
 */
export function continualMetrics(rows: AccuracyMatrix, zeroShot?: readonly number[]): ContinualMetrics {
  const count = rows.length;
  const sizes = [...rows, ...(zeroShot ? [zeroShot] : [])];
  if (count === 0 || sizes.some((row) => row.length !== count || !row.every(Number.isFinite))) {
    throw new UserError(
      `accuracies: expected a square of numbers, one row and one column a task, got rows of ${sizes.map((row) => row.length).join(', ') || 'nothing'}`,
    );
  }
  const at = (j: number, i: number) => rows[j]![i]!;
  const tasks = rows.map((_, i) => i);
  const later = tasks.slice(1);
  const earlier = tasks.slice(0, -1);
  const last = count - 1;
  const always = {
    avg: mean(rows.map(mean)),
    last: mean(rows[last]!),
    averageAccuracy: mean(rows.map((row, j) => mean(row.slice(0, j + 1)))),
  };
  if (count === 1) return always;
  const best = (i: number) => Math.max(...tasks.slice(i).map((j) => at(j, i)));
  return {
    ...always,
    transfer: mean(later.map((i) => mean(tasks.slice(0, i).map((j) => at(j, i))))),
    backwardTransfer: mean(earlier.map((i) => at(last, i) - at(i, i))),
    ...(zeroShot && { forwardTransfer: mean(later.map((i) => at(i - 1, i) - zeroShot[i]!)) }),
    forgetting: {
      fromBest: mean(earlier.map((i) => best(i) - at(last, i))),
      fromFirst: mean(earlier.map((i) => at(i, i) - at(last, i))),
    },
  };
}
