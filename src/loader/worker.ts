import { parentPort, workerData } from 'node:worker_threads';
import type { Picture } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Job, type JobSettings, workAt } from './job.js';

/** To a worker: a job, by number. */
export interface Order {
  readonly number: number;
  readonly job: Job;
}

/** From a worker: it has nothing left to do for a job. */
export interface Report {
  readonly number: number;
  /** Pictures decoded on the way. */
  readonly decoded: ReadonlyMap<number, Picture>;
  readonly error?: { readonly message: string; readonly stack?: string; readonly isUsers: boolean };
}

// One job after the other: earlier ones are needed earlier, and only so much memory is at work.
let last: Promise<void> = Promise.resolve();
parentPort!.on('message', ({ number, job }: Order) => {
  last = last.then(async () => parentPort!.postMessage(await report(number, job)));
});

async function report(number: number, job: Job): Promise<Report> {
  try {
    return { number, decoded: await workAt(job, workerData as JobSettings) };
  } catch (error) {
    const { message, stack } = error as Error;
    return { number, decoded: new Map(), error: { message, stack, isUsers: error instanceof UserError } };
  }
}
