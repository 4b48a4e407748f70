import { Fault } from './fault.js';

export interface BatchOptions {
  /** Most items of a batch; 1: no batching. */
  readonly maxBatch: number;
  /** Longest that an item waits for others. */
  readonly maxWaitMs: number;
  /** Most items that wait. */
  readonly maxQueue: number;
  /** Batches under way at once. */
  readonly concurrency: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: O) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what comes from many requests into batches. A batch starts when it is full or its first item has waited long
 * enough, and a place is free. The queue is bounded: what does not fit whole is refused.
 */
export class Batcher<I, O> {
  private queue: Waiting<I, O>[] = [];
  private running = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Milliseconds an item, a running mean. */
  private pace = 0;

  /**
   * @param run gives one result an item, in their order; of each item it also gets the signal that nobody waits for it any
   *   more
   */
  constructor(
    private readonly run: (
      items: readonly I[],
      abandoned: readonly (AbortSignal | undefined)[],
    ) => Promise<readonly O[]>,
    private readonly options: BatchOptions,
    private readonly onBatch: (size: number, seconds: number) => void = () => {},
  ) {}

  /** Items that wait. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Results of all items.
   * @throws Fault 429 where they do not fit into the queue; the signal's reason where it is aborted before they are run
   */
  async submit(items: readonly I[], signal?: AbortSignal): Promise<O[]> {
    signal?.throwIfAborted();
    if (this.queue.length + items.length > this.options.maxQueue) {
      const seconds = Math.max(1, Math.ceil((this.queue.length * this.pace) / 1000));
      throw new Fault(429, 'busy', 'the queue is full: try again later', seconds);
    }
    const since = performance.now();
    const own: Waiting<I, O>[] = [];
    const results = items.map(
      (item) =>
        new Promise<O>((resolve, reject) => {
          own.push({ item, since, signal, resolve, reject });
        }),
    );
    this.queue.push(...own);
    // Nobody waits for the answers any more: what has not been started is not.
    const abort = () => {
      const gone = new Set(own);
      this.queue = this.queue.filter((one) => !gone.has(one));
      for (const { reject } of own) reject(signal!.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.start();
    try {
      return await Promise.all(results);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  private start(): void {
    const { maxBatch, maxWaitMs, concurrency } = this.options;
    while (this.queue.length > 0 && this.running < concurrency) {
      const waits = this.queue[0]!.since + maxWaitMs - performance.now();
      if (this.queue.length < maxBatch && waits > 0) {
        // Timers count whole milliseconds and may ring a little early: then it is set once more.
        this.timer ??= setTimeout(() => {
          this.timer = undefined;
          this.start();
        }, waits);
        return;
      }
      void this.runBatch(this.queue.splice(0, maxBatch));
    }
  }

  private async runBatch(batch: readonly Waiting<I, O>[]): Promise<void> {
    this.running++;
    const start = performance.now();
    try {
      const results = await this.run(
        batch.map(({ item }) => item),
        batch.map(({ signal }) => signal),
      );
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      const ms = performance.now() - start;
      this.pace = this.pace === 0 ? ms / batch.length : 0.9 * this.pace + (0.1 * ms) / batch.length;
      this.running--;
      this.onBatch(batch.length, ms / 1000);
      this.start();
    }
  }
}
