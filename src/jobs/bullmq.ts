import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '../errors.js';
import { type BullmqLibrary, type Connection, loadBullmq, type Queue, type Worker } from './bullmq-library.js';
import type { JobSet } from './job-set.js';
import { countJobs, type JobCounts, openJobs, type RunJobsOptions, reopenFailed } from './local.js';
import { type RunJobOptions, runJob } from './run-job.js';

/** Options of {@link runOnBullmq} and {@link workOnBullmq}. */
export interface BullmqOptions {
  /** As redis://host:6379. */
  readonly redis: string;
  /** A worker that says nothing for so long has lost its jobs. @defaultValue 60 s */
  readonly lockMs?: number;
  /** Is told what goes wrong with Redis, which may come back. */
  readonly onTrouble?: (message: string) => void;
}

const queueName = ({ id }: JobSet) => `promptkd-${id}`;
const lookMs = 1000;
/** How often jobs are put into the queue that are not in it: a Redis without a disk has forgotten them. */
const refillMs = 5000;

/**
 * Puts the open jobs of a set into a BullMQ queue and waits until none is left. The records in the set's folder say what is
 * done, not Redis: one that is gone for a while, or has forgotten everything, loses nothing.
 *
 * @param options.workers jobs at a time that this process takes itself; 0: others do all
 * @throws UserError where Redis is not there at the start
 */
export async function runOnBullmq(
  set: JobSet,
  { redis, lockMs, onTrouble, workers = 1, signal, onProgress, ...options }: RunJobsOptions & BullmqOptions,
): Promise<JobCounts> {
  const library = await loadBullmq();
  const connection = connectionTo(redis);
  const queue = new library.Queue(queueName(set), { connection });
  const trouble = troubles(onTrouble);
  queue.on('error', trouble);
  let worker: Worker | undefined;
  try {
    await reopenFailed(set);
    await fillFirst(queue, await openJobs(set, { failedToo: true }), redis);
    if (workers > 0) worker = open(library, set, { ...options, redis, lockMs, workers, signal, trouble });
    let filled = performance.now();
    let filling: Promise<void> | undefined;
    for (;;) {
      const open = await openJobs(set, { failedToo: false });
      const counts = await countJobs(set);
      onProgress?.(counts.done + counts.failed, counts.total);
      if (open.length === 0 || signal?.aborted) return counts;
      if (performance.now() - filled > refillMs && !filling) {
        filled = performance.now();
        filling = fill(queue, open)
          .catch(trouble)
          .finally(() => {
            filling = undefined;
          });
      }
      await wait(lookMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    await Promise.all([worker?.close(), Promise.race([queue.close(), wait(2000, undefined, { ref: false })])]);
  }
}

/**
 * Takes jobs of a set from its queue until none is left: for more machines, which share the set's folder.
 *
 * @throws UserError where Redis is not there at the start
 */
export async function workOnBullmq(
  set: JobSet,
  { redis, lockMs, onTrouble, workers = 1, signal, onProgress, ...options }: RunJobsOptions & BullmqOptions,
): Promise<JobCounts> {
  const library = await loadBullmq();
  const worker = open(library, set, { ...options, redis, lockMs, workers, signal, trouble: troubles(onTrouble) });
  try {
    for (;;) {
      const counts = await countJobs(set);
      onProgress?.(counts.done + counts.failed, counts.total);
      if (counts.done + counts.failed === counts.total || signal?.aborted) return counts;
      await wait(lookMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    await worker.close();
  }
}

interface OpenOptions extends RunJobOptions {
  readonly redis: string;
  readonly workers: number;
  readonly lockMs?: number;
  readonly trouble: (error: Error) => void;
}

/** A worker that only supervises: each job is a process of its own, so that its lock is renewed in time. */
function open(library: BullmqLibrary, set: JobSet, options: OpenOptions): Worker {
  const { redis, workers, lockMs = 60_000, trouble } = options;
  const work = async ({ data }: { readonly data: unknown }) => {
    const { job } = data as { job: number };
    const outcome = await runJob(set, job, options);
    if (outcome === 'failed') throw new library.UnrecoverableError(`job ${job} failed: its record says why`);
    if (outcome === 'busy' || outcome === 'stopped') throw new Error(`job ${job}: ${outcome}`);
    return outcome;
  };
  const worker = new library.Worker(queueName(set), work, {
    connection: connectionTo(redis),
    concurrency: workers,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2,
    // A job that was lost is safe to run again: it takes its own lock, and passes over what is done.
    maxStalledCount: 100,
  });
  worker.on('error', trouble);
  return worker;
}

const connectionTo = (url: string): Connection => ({ url, maxRetriesPerRequest: null });

async function fill(queue: Queue, jobs: readonly number[]): Promise<void> {
  for (const job of jobs) {
    await queue.add(
      'job',
      { job },
      {
        jobId: `job-${job}`,
        // For what is busy or was stopped; a job's own retries are its record's.
        ...{ attempts: 1000, backoff: { type: 'fixed', delay: 1000 } },
        ...{ removeOnComplete: true, removeOnFail: true },
      },
    );
  }
}

/** Without Redis nothing would ever begin: that is said at once. */
async function fillFirst(queue: Queue, jobs: readonly number[], redis: string): Promise<void> {
  const late = wait(10_000, 'late' as const, { ref: false });
  if ((await Promise.race([fill(queue, jobs), late])) === 'late') {
    throw new UserError(`--redis ${redis}: nobody answers there: start a Redis (redis-server), or give its address`);
  }
}

/** Each trouble once until another comes: a Redis that is gone says so many times a second. */
function troubles(tell: ((message: string) => void) | undefined): (error: Error) => void {
  let last = '';
  return ({ message }) => {
    const text = message || 'no connection';
    if (text !== last) tell?.(`Redis: ${text}; the jobs go on when it is back`);
    last = text;
  };
}
