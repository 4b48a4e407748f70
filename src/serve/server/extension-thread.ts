import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { UserError } from '../../errors.js';
import type { Answerer, ExtensionRequest } from './extension.js';
import type { ThreadResult, ThreadTask } from './extension-worker.js';
import { Fault } from './fault.js';
import type { Settings } from './options.js';

type Pool = Piscina<ThreadTask, ThreadResult>;

/**
 * An answerer in threads of its own, so that the server's thread stays free while it computes: as many as a model has.
 * Requests wait in a bounded queue; one that nobody waits for any more is not begun.
 *
 * @param module a built module with `open(setup): Promise<Answerer>`; its answers get the images' bytes and the fields, and the
 *   signal, which reaches them wherever they wait for something
 * @param setup plain data for it
 * @throws UserError where `open` does
 * @example
 * const worker = new URL('./count-worker.js', import.meta.url);
 * const open: Extension['open'] = ({ workers, threads, maxQueue }) =>
 *   answerInThread(worker, { threads }, { workers, maxQueue });
 */
export async function answerInThread(
  module: URL,
  setup: object,
  { workers, maxQueue }: Pick<Settings, 'workers' | 'maxQueue'>,
): Promise<Answerer> {
  // A pool a thread: each is told to close what it opened.
  const pools: Pool[] = Array.from(
    { length: workers },
    () =>
      new Piscina({
        filename: new URL('./extension-worker.js', import.meta.url).href,
        ...{ minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 1, idleTimeout: Number.POSITIVE_INFINITY },
        atomics: 'disabled',
        workerData: { module: module.href, setup },
      }),
  );
  for (const pool of pools) pool.on('error', () => {}); // the next task says what is wrong
  const close = async () => {
    await Promise.all(pools.map((pool) => pool.run({ kind: 'close' }).catch(() => {})));
    await Promise.all(pools.map((pool) => pool.destroy()));
  };
  const opened = await Promise.allSettled(pools.map(async (pool) => resultOf(await pool.run({ kind: 'open' }))));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }
  const waiting = pools.map(() => 0);
  const last: Promise<unknown>[] = pools.map(() => Promise.resolve());
  return {
    async answer(request: ExtensionRequest, signal: AbortSignal) {
      const own = Math.max(1, request.images.length);
      const held = waiting.reduce((sum, count) => sum + count);
      if (held > 0 && held + own > maxQueue) throw new Fault(429, 'busy', 'the queue is full: try again later', 1);
      const idlest = waiting.indexOf(Math.min(...waiting));
      waiting[idlest]! += own;
      // Work that has begun is told that nobody waits for it: aborting it would end its thread. What has not is left out.
      const turn = last[idlest]!.then(() => {
        signal.throwIfAborted();
        return inThread(pools[idlest]!, request, signal);
      });
      last[idlest] = turn.catch(() => {});
      try {
        return (resultOf(await turn) as { answer: object }).answer;
      } finally {
        waiting[idlest]! -= own;
      }
    },
    close,
  };
}

async function inThread(pool: Pool, request: ExtensionRequest, signal: AbortSignal): Promise<ThreadResult> {
  const { port1: own, port2: stop } = new MessageChannel();
  const tell = () => own.postMessage('stop');
  signal.addEventListener('abort', tell, { once: true });
  try {
    return await pool.run({ kind: 'answer', request, stop }, { transferList: [stop] });
  } finally {
    signal.removeEventListener('abort', tell);
    own.close();
  }
}

function resultOf(result: ThreadResult): ThreadResult {
  if ('failed' in result) throw new UserError(result.failed);
  if (!('fault' in result)) return result;
  const { status, code, message, retryAfter } = result.fault;
  throw new Fault(status, code, message, retryAfter);
}
