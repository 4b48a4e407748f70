import { Worker } from 'node:worker_threads';
import type { RawImage } from '../data/index.js';
import { type Job, type JobResult, type JobSettings, workAt } from './job.js';
import type { Order, Report } from './worker.js';

/** Those who make views. */
export interface Crew {
  work(job: Job): Promise<JobResult>;
  dispose(): Promise<void>;
}

/** This thread alone: images are still decoded by sharp's threads while it does something else. */
export function ownThread(settings: JobSettings): Crew {
  let last: Promise<unknown> = Promise.resolve();
  return {
    work(job) {
      const done = last.then(() => workAt(job, settings));
      last = done.catch(() => {});
      return done;
    },
    async dispose() {},
  };
}

/** Worker threads. All get every job, and share its views between them as they come along. */
export function workerThreads(count: number, settings: JobSettings): Crew {
  const waiting = new Map<number, (report: Report | Error) => void>();
  let jobs = 0;
  let gone: Error | undefined;
  const fail = (error: Error) => {
    for (const settle of [...waiting.values()]) settle(error);
  };
  // Threads keep the process alive while somebody waits for them, and not when a run is over.
  const settled = (number: number) => {
    waiting.delete(number);
    if (waiting.size === 0 && !gone) for (const worker of workers) worker.unref();
  };
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: settings });
    worker.on('message', (report: Report) => waiting.get(report.number)?.(report));
    worker.on('error', fail);
    worker.unref();
    return worker;
  });
  return {
    work(job) {
      // A batch whose files were still being read: nobody would ever answer.
      if (gone) return Promise.reject(gone);
      const number = jobs++;
      const decoded = new Map<number, RawImage>();
      const unreadable = new Map<number, string>();
      let left = count;
      return new Promise((resolve, reject) => {
        waiting.set(number, (report) => {
          const error = report instanceof Error ? report : report.error && asError(report.error);
          if (error) {
            settled(number);
            reject(error);
            return;
          }
          const { result } = report as Report;
          for (const [i, image] of result!.decoded) decoded.set(i, image);
          for (const [i, reason] of result!.unreadable) unreadable.set(i, reason);
          if (--left > 0) return;
          settled(number);
          resolve({ decoded, unreadable });
        });
        for (const worker of workers) {
          worker.ref();
          worker.postMessage({ number, job } satisfies Order);
        }
      });
    },
    async dispose() {
      gone = new Error('loader: disposed of while at work');
      // A process that has nothing else to wait for would end before they have, and the caller never go on.
      for (const worker of workers) worker.ref();
      await Promise.all(workers.map((worker) => worker.terminate()));
      fail(gone);
    },
  };
}

function asError({ message, stack }: NonNullable<Report['error']>): Error {
  const error = new Error(message);
  error.stack = stack;
  return error;
}
