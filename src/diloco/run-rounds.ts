import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { createJobSet, type JobCounts, type JobSet, readRecord } from '../jobs/index.js';
import { readPlan } from './plan.js';

/** Options of {@link runRounds}. */
export interface RunRoundsOptions {
  readonly folder: string;
  /** Runs the jobs of a set that are not done, on whichever engine, and returns when none is left or the signal is aborted. */
  readonly run: (set: JobSet, signal: AbortSignal) => Promise<JobCounts>;
  /** How often a job is tried again. @defaultValue 3 */
  readonly retries?: number;
  /** How long a round waits for further shares once the first one is there; ms. @defaultValue until all are there, or failed */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  readonly onRound?: (round: RoundResult) => void;
}

/** What became of a round. */
export interface RoundResult {
  readonly round: number;
  readonly phase: string;
  /** Steps of the phase that each replica has taken, of how many. */
  readonly step: number;
  readonly steps: number;
  /** Replicas whose shares are in it. */
  readonly shares: readonly number[];
}

const count = z.int().nonnegative();
const resultSchema = z.object({
  round: count,
  phase: z.string(),
  step: count,
  steps: count,
  shares: z.array(z.int().positive()),
});

/** What {@link runRounds} ended with. */
export interface RoundsResult {
  /** Run folder of the result. */
  readonly folder: string;
  readonly rounds: readonly RoundResult[];
  /** Shares that were lost. */
  readonly lost: number;
  /** What the training printed in the end. */
  readonly result: unknown;
}

/**
 * Trains in rounds, as jobs: in each round a job a replica, then one that merges, until every phase of the run is whole; then the
 * run itself is ended in `FOLDER/run`. The same call goes on with rounds that were stopped.
 *
 * A round whose jobs failed, or were slower than `patienceMs`, goes on without their shares, as long as there is one.
 *
 * @returns undefined where the signal stopped it
 * @throws UserError where no replica of a round handed in anything, or the end failed
 */
export async function runRounds(options: RunRoundsOptions): Promise<RoundsResult | undefined> {
  const { folder, retries = 3, signal, onRound } = options;
  const { call, replicas } = await readPlan(folder);
  const jobs = (part: string, round: number) => join(folder, 'jobs', `${part}-${String(round).padStart(5, '0')}`);
  const rounds: RoundResult[] = [];
  const never = new AbortController().signal;
  for (let round = 1; ; round++) {
    const local = await createJobSet(
      jobs('round', round),
      Array.from({ length: replicas }, (_, i) => [
        ...call,
        ...['--out', join(folder, 'replicas', String(i + 1)), '--rounds', folder, '--share', `${round}:${i + 1}`],
      ]),
      retries,
    );
    const merge = await createJobSet(
      jobs('merge', round),
      [['diloco', 'merge', folder, '--round', String(round)]],
      retries,
    );
    if ((await readRecord(merge.folder, 1))?.state !== 'done') {
      await runPatiently(local, round, options);
      if (signal?.aborted) return undefined;
      if ((await sharesOf(folder, round)) === 0)
        throw new UserError(`round ${round}: no replica handed in its share; ${await faultIn(local)}`);
    }
    // Where it is done this costs nothing, and takes away the lock of a process that was killed behind it.
    await options.run(merge, signal ?? never);
    if (signal?.aborted) return undefined;
    const record = await readRecord(merge.folder, 1);
    if (record?.state !== 'done') throw new UserError(`round ${round} cannot be merged: ${await faultIn(merge)}`);
    const read = resultSchema.safeParse(record.result);
    if (!read.success)
      throw new UserError(
        `${merge.folder}: expected what the merge of round ${round} printed, found another record: delete this folder`,
      );
    const merged: RoundResult = read.data;
    rounds.push(merged);
    onRound?.(merged);
    if (merged.step < merged.steps) continue;
    // A phase is whole, perhaps the last one: the run itself knows.
    const end = await createJobSet(
      jobs('end', round),
      [[...call, '--out', join(folder, 'run'), '--rounds', folder]],
      retries,
    );
    await options.run(end, signal ?? never);
    if (signal?.aborted) return undefined;
    const ended = await readRecord(end.folder, 1);
    if (ended?.state !== 'done') throw new UserError(`the run cannot be ended: ${await faultIn(end)}`);
    if ((ended.result as { readonly rounds?: string } | undefined)?.rounds === 'go on') continue;
    const lost = rounds.reduce((sum, { shares }) => sum + replicas - shares.length, 0);
    return { folder: join(folder, 'run'), rounds, lost, result: ended.result };
  }
}

/** Runs a round's jobs, at most so long after the first share. */
async function runPatiently(
  set: JobSet,
  round: number,
  { run, folder, patienceMs, signal }: RunRoundsOptions,
): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal?.addEventListener('abort', stop, { once: true });
  const over = run(set, controller.signal);
  const watch = async () => {
    if (patienceMs === undefined) return;
    while (!controller.signal.aborted && (await sharesOf(folder, round)) === 0)
      await wait(200, undefined, { signal: controller.signal, ref: false });
    await wait(patienceMs, undefined, { signal: controller.signal, ref: false });
    stop();
  };
  watch().catch(() => {}); // all are there, or it was stopped
  try {
    await over;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

async function sharesOf(folder: string, round: number): Promise<number> {
  const at = join(folder, 'shares', `round-${String(round).padStart(5, '0')}`);
  return existsSync(at) ? (await readdir(at)).filter((name) => name.endsWith('.safetensors')).length : 0;
}

async function faultIn(set: JobSet): Promise<string> {
  for (let job = 1; job <= set.jobs.length; job++) {
    const record = await readRecord(set.folder, job);
    const last = record?.attempts.at(-1);
    if (record?.state === 'failed') return `job ${job}: ${last?.message ?? `exit code ${last?.code ?? last?.signal}`}`;
  }
  return `${set.folder} has the records`;
}
