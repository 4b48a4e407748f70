import { parentPort, workerData } from 'node:worker_threads';
import { type Job, type JobResult, type JobSettings, workAt } from './job.js';

/** To a worker: a job, by number. */
export interface Order {
  readonly number: number;
  readonly job: Job;
}

/** From a worker: it has nothing left to do for a job. */
export interface Report {
  readonly number: number;
  readonly result?: JobResult;
  /** Instead of a result. */
  readonly error?: { readonly message: string; readonly stack?: string };
}

// One job after the other: earlier ones are needed earlier, and only so much memory is at work.
let last: Promise<void> = Promise.resolve();
parentPort!.on('message', ({ number, job }: Order) => {
  last = last.then(async () => parentPort!.postMessage(await report(number, job)));
});

async function report(number: number, job: Job): Promise<Report> {
  try {
    return { number, result: await workAt(job, workerData as JobSettings) };
  } catch (error) {
    const { message, stack } = error as Error;
    return { number, error: { message, stack } };
  }
}
