import { type JobRecord, resultField } from '../jobs/index.js';
import { spread } from '../math/index.js';
import type { PlannedRun } from './sweep-plan.js';
import type { SweepSpec } from './sweep-spec.js';
import type { Trial } from './trials.js';

/** One training of a trial. */
export interface TrialRun {
  readonly seed: number;
  readonly folder: string;
  /** What was measured; undefined where there is nothing, and then why. */
  readonly value?: number;
  readonly fault?: string;
  /** Of all its attempts. */
  readonly seconds: number;
}

/** What became of a trial in its last rung. */
export interface TrialResult extends Trial {
  readonly rung: number;
  /** How long it was trained, where rungs differ in it. */
  readonly steps?: number;
  readonly runs: readonly TrialRun[];
  /** Over its seeds; undefined where one of them measured nothing. */
  readonly mean?: number;
  /** Sample standard deviation over its seeds; undefined for one. */
  readonly deviation?: number;
}

/** What a sweep found: its trials, the best first. */
export interface SweepResult {
  readonly folder: string;
  readonly measure: string;
  readonly goal: 'max' | 'min';
  readonly seeds: readonly number[];
  /** How long each rung trains. */
  readonly rungs: readonly number[];
  /** The best first; those of later rungs before all of earlier ones. */
  readonly trials: readonly TrialResult[];
  readonly best: TrialResult;
}

interface RungRecords {
  readonly trials: readonly Trial[];
  readonly planned: readonly PlannedRun[];
  /** Of the jobs that measured; job i is planned run i − 1. */
  readonly records: readonly JobRecord[];
  /** Of the trainings. */
  readonly trained: readonly JobRecord[];
  readonly rung: number;
  readonly steps?: number;
}

export function trialResults({ measure }: SweepSpec, given: RungRecords): TrialResult[] {
  const { trials, planned, rung, steps } = given;
  const byJob = (records: readonly JobRecord[]) => new Map(records.map((record) => [record.job, record]));
  const [measured, trained] = [byJob(given.records), byJob(given.trained)];
  return trials.map(({ trial, values }) => {
    const runs = planned.flatMap((run, i): TrialRun[] => {
      if (run.trial !== trial) return [];
      const training = trained.get(i + 1);
      const seconds = (training?.attempts ?? []).reduce((sum, attempt) => sum + (attempt.seconds ?? 0), 0);
      const record = training?.state === 'done' ? measured.get(i + 1) : training;
      const about = { seed: run.seed, folder: run.run, seconds };
      if (record?.state !== 'done') return [{ ...about, fault: faultOf(record) }];
      const value = resultField(record.result, measure);
      if (typeof value === 'number' && Number.isFinite(value)) return [{ ...about, value }];
      return [{ ...about, fault: `its result has no number ${measure}` }];
    });
    const found = runs.flatMap(({ value }) => value ?? []);
    const isWhole = found.length === runs.length;
    const { mean, deviation } = isWhole && found.length > 0 ? spread(found) : {};
    return {
      ...{ trial, values, rung, ...(steps !== undefined && { steps }), runs },
      ...(mean !== undefined && { mean }),
      ...(deviation !== undefined && { deviation }),
    };
  });
}

/** The best first, then those that measured nothing; equal ones by their number. */
export function ranked({ goal }: SweepSpec, results: readonly TrialResult[]): TrialResult[] {
  const cost = ({ mean }: TrialResult) =>
    mean === undefined ? Number.POSITIVE_INFINITY : goal === 'max' ? -mean : mean;
  return results.toSorted((a, b) => (cost(a) === cost(b) ? a.trial - b.trial : cost(a) - cost(b)));
}

function faultOf(record: JobRecord | undefined): string {
  if (record?.state !== 'failed') return 'not run yet';
  const last = record.attempts.at(-1);
  return last?.message?.replace(/^promptkd: /, '') ?? `exit code ${last?.code ?? last?.signal}`;
}
