import { Piscina } from 'piscina';
import { UserError } from '../../errors.js';
import type { Rows } from '../../math/index.js';
import type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, PictureInput } from './encoder.js';
import type { Task, TaskResult, WorkerSetup } from './worker.js';

export interface PoolOptions extends EncoderOptions {
  /** Worker threads, each with the model. @defaultValue 1 */
  readonly workers?: number;
}

/** Pieces of work that a worker holds: while one computes, the pictures of the next are decoded. */
export const tasksPerWorker = 2;

/** Encoders in worker threads, so that this thread stays free. */
export class WorkerEncoder implements Encoder {
  private constructor(
    private readonly pool: Piscina<Task, TaskResult>,
    readonly info: EncoderInfo,
  ) {}

  /** @throws UserError where the model cannot be read */
  static async open(model: string, { workers = 1, ...options }: PoolOptions = {}): Promise<WorkerEncoder> {
    const pool = new Piscina<Task, TaskResult>({
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: tasksPerWorker,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Waiting for tasks by Atomics would stop a worker that is decoding.
      atomics: 'disabled',
      workerData: { model, ...options } satisfies WorkerSetup,
    });
    try {
      return new WorkerEncoder(pool, (await run(pool, { kind: 'info' })) as EncoderInfo);
    } catch (error) {
      await pool.destroy();
      throw error;
    }
  }

  async images(pictures: readonly PictureInput[]): Promise<EncodedImages> {
    return (await run(this.pool, { kind: 'images', pictures })) as EncodedImages;
  }

  async texts(texts: readonly string[]): Promise<Rows> {
    return (await run(this.pool, { kind: 'texts', texts })) as Rows;
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

async function run(pool: Piscina<Task, TaskResult>, task: Task): Promise<TaskResult> {
  const result = await pool.run(task);
  if ('failed' in result) throw new UserError(result.failed);
  return result;
}
