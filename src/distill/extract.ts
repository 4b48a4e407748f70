import type { Shard } from '../jobs/index.js';
import type { RunResult } from '../train/index.js';
import { type DistillOptions, prepare } from './prepare.js';

/** Its folder is that of the stored targets. */
export interface ExtractResult extends RunResult {
  /** Whether the store holds all records: not as long as other shards are missing. */
  readonly complete: boolean;
  /** Views of images, and how many of them the store holds. */
  readonly records: number;
  readonly written: number;
  /** Images that could not be read; others stand in for them. */
  readonly unreadable: number;
}

/**
 * Extracts the teacher's targets that a distillation will need, or a shard of them, and nothing else: `distill` with the same
 * recipe, teacher, data and folder finds them. Several processes, each at a shard, fill one store.
 *
 * @throws UserError for a recipe that does not fit teacher or data, or a store of something else; BusyError where another
 * process is at the same shard
 */
export async function extractTargets(options: DistillOptions, shard?: Shard): Promise<ExtractResult> {
  const began = performance.now();
  const { batches, complete } = await prepare(options, shard);
  const { store } = batches;
  batches.close();
  return {
    folder: store.dir,
    // A shard is finished with its own share.
    finished: complete || (shard !== undefined && options.signal?.aborted !== true),
    complete,
    steps: 0,
    imagesSeen: 0,
    seconds: (performance.now() - began) / 1000,
    records: store.records,
    written: Math.min(store.written, store.records),
    unreadable: store.unreadable.length,
  };
}
