import { setTimeout as wait } from 'node:timers/promises';
import { type BullmqOptions, runOnBullmq } from './bullmq.js';
import type { JobSet } from './job-set.js';
import { type LaunchWish, launchPlan, startLaunch } from './launch/launch.js';
import { countJobs, type JobCounts, openJobs, type RunJobsOptions, reopenFailed, runLocal } from './local.js';

/** Which engine runs the jobs of a set, and with what. */
export type JobEngine =
  | { readonly on: 'local' }
  | ({ readonly on: 'bullmq' } & BullmqOptions)
  | ({ readonly on: 'slurm' | 'kubernetes' } & Omit<LaunchWish, 'on' | 'jobs' | 'processes' | 'nodes'>);

/** How often the records of jobs are looked at that others run; ms. */
const lookMs = 2000;

/**
 * Runs all jobs of a set that are not done, by whichever engine, and returns when none is left; where the signal stopped it,
 * earlier. Jobs that failed are tried again.
 *
 * Slurm and Kubernetes are handed an array with one task a job; the records in the set's folder, which all machines share, say
 * when it is done.
 *
 * @throws UserError where the engine is not there
 */
export async function runJobSet(set: JobSet, engine: JobEngine, options: RunJobsOptions = {}): Promise<JobCounts> {
  if (engine.on === 'local') return runLocal(set, { ...options, workers: Math.max(1, options.workers ?? 1) });
  if (engine.on === 'bullmq') return runOnBullmq(set, { ...options, ...engine });
  const { on, ...wish } = engine;
  const { signal, onProgress } = options;
  await reopenFailed(set);
  if ((await openJobs(set, { failedToo: true })).length === 0) return countJobs(set);
  await startLaunch(on, await launchPlan({ ...wish, on, jobs: set.folder, processes: 1, nodes: 1 }, []));
  for (;;) {
    const counts = await countJobs(set);
    onProgress?.(counts.done + counts.failed, counts.total);
    if (counts.done + counts.failed === counts.total || signal?.aborted) return counts;
    await wait(lookMs, undefined, { signal }).catch(() => {});
  }
}
