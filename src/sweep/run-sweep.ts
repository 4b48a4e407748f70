import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { ensureFolder, fileChecksum, readJson, writeFileAtomic } from '../files/index.js';
import { createJobSet, type JobCounts, type JobSet, readRecords } from '../jobs/index.js';
import { issueError } from '../schema-issue.js';
import { rungCalls, rungFolder } from './sweep-plan.js';
import type { SweepSpec } from './sweep-spec.js';
import { ranked, type SweepResult, trialResults } from './sweep-table.js';
import { goOn, rungsOf, type Trial, trialsOf } from './trials.js';

/** Options of {@link runSweep}. */
export interface SweepOptions {
  readonly folder: string;
  /** How often a training is tried again. @defaultValue 3 */
  readonly retries?: number;
  /** Runs the jobs of a set that are not done, on whichever engine, and returns when none is left. */
  readonly run: (set: JobSet) => Promise<JobCounts>;
  readonly signal?: AbortSignal;
  /** Is told before the jobs of a rung, from 1, begin. */
  readonly onRung?: (rung: number, rungs: number, trials: number) => void;
}

const stateSchema = z.object({
  version: z.literal(1),
  spec: z.record(z.string(), z.unknown()),
  /** Of the recipe file. */
  recipe: z.string().optional(),
  /** The trials of each rung that was begun. */
  rungs: z.array(z.array(z.int().positive())),
});
type SweepState = z.infer<typeof stateSchema>;

/**
 * Trains every trial of a sweep by every seed, rung after rung, as jobs: `FOLDER/rung-N/jobs` and, where a second call measures,
 * `FOLDER/rung-N/measured`. The same call on the same folder goes on; what is done stays, and which trials a later rung has, too.
 *
 * @returns undefined where the signal stopped it
 * @throws UserError where the folder holds another sweep, its recipe was changed meanwhile, or no trial came to an end
 */
export async function runSweep(spec: SweepSpec, options: SweepOptions): Promise<SweepResult | undefined> {
  const { folder, run, retries = 3, signal, onRung } = options;
  const all = trialsOf(spec);
  const lengths: readonly (number | undefined)[] = spec.halving ? rungsOf(spec.halving) : [undefined];
  const state = await openState(spec, folder);
  for (const [rung, steps] of lengths.entries()) {
    if (!state.rungs[rung]) {
      state.rungs.push(
        rung === 0 ? all.map(({ trial }) => trial) : await survivors(spec, folder, rung - 1, state, all),
      );
      await writeState(folder, state);
    }
    // A later rung stands on this one as it was.
    if (state.rungs[rung + 1]) continue;
    const trials = trialsNamed(all, state.rungs[rung]!);
    const planned = rungCalls(spec, folder, rung, trials, steps);
    onRung?.(rung + 1, lengths.length, trials.length);
    const where = rungFolder(folder, rung);
    await run(
      await createJobSet(
        join(where, 'jobs'),
        planned.map(({ args }) => args),
        retries,
      ),
    );
    if (signal?.aborted) return undefined;
    if (spec.afterwards) {
      await run(
        await createJobSet(
          join(where, 'measured'),
          planned.map(({ afterwards }) => afterwards!),
          retries,
        ),
      );
      if (signal?.aborted) return undefined;
    }
  }
  return sweepResult(spec, folder, state.rungs);
}

/** What is known of a sweep so far. @throws UserError where no trial of its first rung came to an end */
async function sweepResult(
  spec: SweepSpec,
  folder: string,
  rungs: readonly (readonly number[])[],
): Promise<SweepResult> {
  const all = trialsOf(spec);
  const lengths: readonly (number | undefined)[] = spec.halving ? rungsOf(spec.halving) : [undefined];
  const results = [];
  // Each trial as its last rung has it: the longest training is what it is worth.
  for (const [rung, names] of rungs.entries()) {
    const ended = names.filter((trial) => !rungs[rung + 1]?.includes(trial));
    results.unshift(
      ...ranked(
        spec,
        await rungResults(spec, folder, rung, trialsNamed(all, ended), trialsNamed(all, names), lengths[rung]),
      ),
    );
  }
  const best = results.find(({ mean }) => mean !== undefined);
  if (!best) {
    const first = results[0]?.runs[0];
    throw new UserError(
      `no trial came to an end with ${spec.measure}; trial ${results[0]?.trial}: ${first?.fault ?? 'not run'}`,
    );
  }
  const { measure, goal, seeds, halving } = spec;
  return { folder, measure, goal, seeds, rungs: halving ? lengths.map(Number) : [], trials: results, best };
}

async function survivors(
  spec: SweepSpec,
  folder: string,
  rung: number,
  { rungs }: SweepState,
  all: readonly Trial[],
): Promise<number[]> {
  const trials = trialsNamed(all, rungs[rung]!);
  const lengths = rungsOf(spec.halving!);
  const results = ranked(spec, await rungResults(spec, folder, rung, trials, trials, lengths[rung]));
  const best = results.filter(({ mean }) => mean !== undefined).slice(0, goOn(trials.length, spec.halving!));
  if (best.length === 0)
    throw new UserError(
      `rung ${rung + 1}: no trial came to an end with ${spec.measure}; trial ${results[0]!.trial}: ${results[0]!.runs[0]?.fault}`,
    );
  return best.map(({ trial }) => trial).sort((a, b) => a - b);
}

function trialsNamed(all: readonly Trial[], names: readonly number[]): Trial[] {
  return names.map((trial) => {
    const found = all[trial - 1];
    if (found) return found;
    throw new UserError(`sweep.json: rungs: expected trials from 1 to ${all.length}, got ${trial}: delete the folder`);
  });
}

/** @param among all trials of the rung, whose jobs were numbered together */
async function rungResults(
  spec: SweepSpec,
  folder: string,
  rung: number,
  trials: readonly Trial[],
  among: readonly Trial[],
  steps: number | undefined,
) {
  const planned = rungCalls(spec, folder, rung, among, steps);
  const records = await readRecords(join(rungFolder(folder, rung), spec.afterwards ? 'measured' : 'jobs'));
  const trained = spec.afterwards ? await readRecords(join(rungFolder(folder, rung), 'jobs')) : records;
  return trialResults(spec, { trials, planned, records, trained, rung: rung + 1, steps });
}

async function openState(spec: SweepSpec, folder: string): Promise<SweepState> {
  const path = statePath(folder);
  // As it will be read.
  const wanted = JSON.parse(JSON.stringify(spec)) as Record<string, unknown>;
  const recipe = spec.recipe === undefined ? undefined : await fileChecksum(spec.recipe);
  if (!existsSync(path)) {
    await ensureFolder(folder);
    return { version: 1, spec: wanted, ...(recipe !== undefined && { recipe }), rungs: [] };
  }
  const state = await readState(folder);
  const had = state.spec;
  const field = Object.keys({ ...had, ...wanted }).find((key) => !isDeepStrictEqual(had[key], wanted[key]));
  const remedy = 'give another folder, or delete this one';
  if (field !== undefined)
    throw new UserError(
      `${path}: holds another sweep (${field} was ${brief(had[field])}, is ${brief(wanted[field])}): ${remedy}`,
    );
  if (state.recipe !== recipe)
    throw new UserError(`${spec.recipe}: was changed since the sweep in ${folder} began: ${remedy}`);
  return state;
}

/** The rungs of a sweep's folder so far. @throws UserError where it is none */
async function readState(folder: string): Promise<SweepState> {
  const path = statePath(folder);
  if (!existsSync(path))
    throw new UserError(`${path}: no such file: a sweep is made by promptkd sweep FILE --out FOLDER`);
  const parsed = stateSchema.safeParse(await readJson(path), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, path);
  return parsed.data;
}

const statePath = (folder: string) => join(folder, 'sweep.json');

const writeState = (folder: string, state: SweepState): Promise<void> =>
  writeFileAtomic(statePath(folder), `${JSON.stringify(state, null, 1)}\n`);

const brief = (value: unknown) => (JSON.stringify(value) ?? 'not there').slice(0, 80);
