import { Piscina } from 'piscina';
import { UserError } from '../../errors.js';
import type { Rows } from '../../math/index.js';

import type { Prepared } from '../prepared.js';
import type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, ImageInput } from './encoder.js';
import type { Task, TaskResult, WorkerSetup } from './worker.js';

/** Options of {@link WorkerEncoder}. */
export interface PoolOptions extends EncoderOptions {
  /** Worker threads, each with the model. @defaultValue 1 */
  readonly workers?: number;
}

/** Pieces of work that a worker holds: while one computes, the images of the next are decoded. */
export const tasksPerWorker = 2;

/** Encoders in worker threads, so that this thread stays free. */
export class WorkerEncoder implements Encoder {
  private constructor(
    private readonly workers: readonly Worker[],
    readonly info: EncoderInfo,
  ) {}

  /**
   * Loads the model in all workers, and runs it once in each.
   *
   * @throws UserError where the model cannot be read
   */
  static async open(model: string, { workers = 1, ...options }: PoolOptions = {}): Promise<WorkerEncoder> {
    const all = Array.from({ length: workers }, () => new Worker({ model, ...options }));
    // All of them come to an end before any is ended: a thread that ends while it loads takes the process with it.
    const opened = await Promise.allSettled(all.map((worker) => worker.run({ kind: 'info' })));
    const failed = opened.find((one) => one.status === 'rejected');
    if (!failed) return new WorkerEncoder(all, (opened[0] as PromiseFulfilledResult<TaskResult>).value as EncoderInfo);
    await Promise.all(all.map((worker) => worker.end()));
    throw failed.reason;
  }

  /** @param abandoned those that are not yet decoded when nobody waits for them any more are left out */
  async images(
    images: readonly ImageInput[],
    _prepared?: Prepared,
    abandoned?: readonly (AbortSignal | undefined)[],
  ): Promise<EncodedImages> {
    const [flags, stop] = shared(abandoned);
    try {
      return (await this.run({ kind: 'images', images, flags })) as EncodedImages;
    } finally {
      stop();
    }
  }

  async texts(texts: readonly string[]): Promise<Rows> {
    return (await this.run({ kind: 'texts', texts })) as Rows;
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
  }

  private run(task: Task): Promise<TaskResult> {
    return this.workers.reduce((idlest, one) => (one.busy < idlest.busy ? one : idlest)).run(task);
  }
}

/** One thread. */
class Worker {
  private readonly pool: Piscina<Task, TaskResult>;
  private readonly running = new Set<Promise<TaskResult>>();

  constructor(setup: WorkerSetup) {
    this.pool = new Piscina<Task, TaskResult>({
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: tasksPerWorker,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Waiting for tasks by Atomics would stop a worker that is decoding.
      atomics: 'disabled',
      workerData: setup,
    });
    // A thread that dies between two tasks is replaced; the next task says what is wrong where that fails, too.
    this.pool.on('error', () => {});
  }

  get busy(): number {
    return this.running.size;
  }

  async run(task: Task): Promise<TaskResult> {
    const running = this.pool.run(task);
    this.running.add(running);
    try {
      const result = await running;
      if ('failed' in result) throw new UserError(result.failed);
      return result;
    } finally {
      this.running.delete(running);
    }
  }

  /** Ends the thread when its work, of requests that were given up, too, is done and the model is closed. */
  async end(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    await this.pool.run({ kind: 'close' }).catch(() => {}); // it is dead already
    await this.pool.destroy();
  }
}

/** Signals as flags in memory that a worker sees, and how to stop keeping them. */
function shared(abandoned: readonly (AbortSignal | undefined)[] = []): [flags: Int32Array, stop: () => void] {
  const flags = new Int32Array(new SharedArrayBuffer(4 * abandoned.length));
  const stops = abandoned.map((signal, i) => {
    const raise = () => void Atomics.store(flags, i, 1);
    if (signal?.aborted) raise();
    signal?.addEventListener('abort', raise, { once: true });
    return () => signal?.removeEventListener('abort', raise);
  });
  const stop = () => {
    for (const one of stops) one();
  };
  return [flags, stop];
}
