import { join } from 'node:path';
import type { SweepSpec } from './sweep-spec.js';
import { rungsOf, type Trial, trialsOf } from './trials.js';

/** One training of a rung. */
export interface PlannedRun {
  readonly trial: number;
  readonly seed: number;
  /** Its run folder. */
  readonly run: string;
  /** Arguments of `promptkd`. */
  readonly args: string[];
  /** Those of the call that measures it, where there is one. */
  readonly afterwards?: string[];
}

export const rungFolder = (folder: string, rung: number): string => join(folder, `rung-${rung + 1}`);

/**
 * The calls of one rung: each trial by each seed.
 *
 * @param rung from 0
 * @param steps how long is trained, where rungs differ in it
 */
export function rungCalls(
  spec: SweepSpec,
  folder: string,
  rung: number,
  trials: readonly Trial[],
  steps?: number,
): PlannedRun[] {
  const more = spec.halving && steps !== undefined ? { [spec.halving.field]: steps } : {};
  return trials.flatMap(({ trial, values }) =>
    spec.seeds.map((seed) => {
      const run = join(rungFolder(folder, rung), `trial-${String(trial).padStart(4, '0')}`, `seed-${seed}`);
      const sets = Object.entries({ ...values, ...more }).flatMap(([field, value]) => [
        '--set',
        `${field}=${yaml(value)}`,
      ]);
      const recipe = spec.recipe === undefined ? [] : ['--recipe', spec.recipe];
      const args = [...spec.call, ...recipe, ...sets, '--seed', String(seed), '--out', run];
      const afterwards = spec.afterwards?.map((word) => word.replaceAll('{run}', () => run));
      return { trial, seed, run, args, ...(afterwards && { afterwards }) };
    }),
  );
}

/**
 * The calls of a sweep's first rung, which has all trials.
 *
 * @throws UserError for a grid of too many trials
 */
export const firstCalls = (spec: SweepSpec, folder: string): PlannedRun[] =>
  rungCalls(spec, folder, 0, trialsOf(spec), spec.halving && rungsOf(spec.halving)[0]);

/** JSON is YAML. */
const yaml = (value: unknown): string => JSON.stringify(value);
