import { setTimeout as wait } from 'node:timers/promises';
import { type JobSet, readRecord, readRecords, writeRecord } from './job-set.js';
import { type RunJobOptions, runJob } from './run-job.js';

/** Options of {@link runLocal}. */
export interface RunJobsOptions extends RunJobOptions {
  /** Jobs at a time. @defaultValue 1 */
  readonly workers?: number;
  /** Is told after each job. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How many jobs of a set are how far. */
export interface JobCounts {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** How often a job that another process runs is looked at; ms. */
const lookMs = 500;

/**
 * Runs all jobs of a set that are not done in processes on this machine, some at a time. Other pools, here or on machines
 * that share the folder, may work on the same set: each job is one process's. Jobs that failed are tried again.
 *
 * @returns when no job is left; where the signal stopped it, earlier
 * @throws UserError where the folder cannot be written
 */
export async function runLocal(set: JobSet, options: RunJobsOptions = {}): Promise<JobCounts> {
  const { workers = 1, signal, onProgress } = options;
  const total = set.jobs.length;
  const rest = set.jobs.keys();
  const elsewhere: number[] = [];
  let over = 0;
  const one = async (job: number): Promise<boolean> => {
    const outcome = await runJob(set, job, options);
    if (outcome === 'busy' || outcome === 'stopped') return false;
    onProgress?.(++over, total);
    return true;
  };
  const lane = async () => {
    for (const i of rest) {
      if (signal?.aborted) return;
      if (!(await one(i + 1))) elsewhere.push(i + 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, total) }, lane));
  // What others were at: done by them, or, where they were killed, by us.
  for (const job of elsewhere) {
    while (!signal?.aborted && !(await one(job))) await wait(lookMs, undefined, { signal }).catch(() => {});
  }
  return countJobs(set);
}

/**
 * How many jobs of a set are done and how many have failed, by their records.
 *
 * @throws UserError for a damaged record
 */
export async function countJobs({ folder, jobs }: JobSet): Promise<JobCounts> {
  const records = await readRecords(folder);
  const of = (state: string) => records.filter((record) => record.state === state).length;
  return { total: jobs.length, done: of('done'), failed: of('failed') };
}

/** Jobs that are neither done nor, unless they are to be tried again, failed. */
export async function openJobs(set: JobSet, { failedToo }: { readonly failedToo: boolean }): Promise<number[]> {
  const open: number[] = [];
  for (let job = 1; job <= set.jobs.length; job++) {
    const state = (await readRecord(set.folder, job))?.state;
    if (state !== 'done' && (failedToo || state !== 'failed')) open.push(job);
  }
  return open;
}

/** What failed is open again: its record says so before anybody counts. */
export async function reopenFailed(set: JobSet): Promise<void> {
  for (const job of await openJobs(set, { failedToo: true })) {
    const record = await readRecord(set.folder, job);
    if (record?.state === 'failed') await writeRecord(set.folder, { ...record, state: 'running' });
  }
}
