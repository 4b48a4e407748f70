import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BusyError, UserError } from '../../errors.js';
import { lock, lockHolder } from '../../files/index.js';
import { type Shard, shardText } from '../../jobs/index.js';
import type { StoreFingerprint } from './target-manifest.js';
import { TargetStore, type WantedTargets } from './target-store.js';

/** Records from `first` to before `end`. */
export interface RecordRange {
  readonly first: number;
  readonly end: number;
}

/** Which records stand in which batch: shards are whole batches, so that each record has its neighbours. */
interface BatchOrder {
  readonly count: number;
  of(record: number): number;
  records(batch: number): readonly number[];
}

/** A store that is extracted by several processes. */
export interface SharedStore {
  readonly dir: string;
  readonly fingerprint: StoreFingerprint;
  readonly wanted: WantedTargets;
  readonly shard: Shard;
  readonly rebuild?: boolean;
}

/** Folder of the shards' own stores within the store. */
const PARTS = 'parts';

/**
 * Extracts a shard's share of a store's records into a store of its own, and, when the shares of all are there, makes one
 * store of them: the same records, bit for bit, as one process makes. Each share goes on where it was stopped.
 *
 * @param openMain opens the store itself, or begins it
 * @param extract fills a share's store
 * @returns the store; not complete as long as shares are missing
 * @throws BusyError where another process extracts this shard
 */
export async function extractShare(
  shared: SharedStore,
  order: BatchOrder,
  openMain: () => Promise<TargetStore>,
  extract: (part: TargetStore, range: RecordRange) => Promise<void>,
): Promise<TargetStore> {
  const { dir, shard } = shared;
  // Of all processes, and beside the folder, which holds nothing but the store.
  const inTurn = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const held = await lock(`${dir}.lock`);
    try {
      return await work();
    } finally {
      await held!.release();
    }
  };
  const main = await inTurn(openMain);
  if (main.complete) return main;
  const from = main.written;
  const ranges = rangesOf(order, from, main.records, shard.of);
  const own = `${partDir(shared, shard.number)}.lock`;
  const held = await lock(own, { wait: false });
  if (!held) {
    const holder = await lockHolder(own);
    throw new BusyError(
      `${dir}: shard ${shardText(shard)} is being extracted by process ${holder?.pid ?? 'that just ended'}: wait for it, or stop it first`,
    );
  }
  try {
    const range = ranges[shard.number - 1]!;
    const part = (await openPart(shared, shard.number, range)) ?? (await beginPart(shared, range));
    if (part.written < range.end - range.first) await extract(part, range);
    part.close();
  } finally {
    await held.release();
  }
  return inTurn(() => joinShares(shared, ranges, from, openMain));
}

/** As even as whole batches allow; of fewer batches than shards the last have none. */
function rangesOf(order: BatchOrder, from: number, end: number, shards: number): RecordRange[] {
  const firstBatch = order.of(from);
  const batches = order.count - firstBatch;
  const at = (k: number) => {
    const batch = firstBatch + Math.floor((batches * k) / shards);
    return k === 0 ? from : batch >= order.count ? end : order.records(batch)[0]!;
  };
  return Array.from({ length: shards }, (_, k) => ({ first: at(k), end: at(k + 1) }));
}

const partDir = ({ dir, shard }: SharedStore, number: number) => join(dir, PARTS, `${number}-of-${shard.of}`);

/** A share's store is of its range alone. */
const partFingerprint = ({ fingerprint }: SharedStore, { first, end }: RecordRange): StoreFingerprint => ({
  ...fingerprint,
  records: `${first} to ${end}`,
});

async function openPart(shared: SharedStore, number: number, range: RecordRange): Promise<TargetStore | undefined> {
  try {
    return TargetStore.open(partDir(shared, number), partFingerprint(shared, range), shared.wanted);
  } catch (error) {
    // What is damaged, or of another beginning, is made again: it is in a folder that is ours.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const beginPart = (shared: SharedStore, range: RecordRange): Promise<TargetStore> =>
  TargetStore.create(partDir(shared, shared.shard.number), partFingerprint(shared, range), shared.wanted);

/** Makes one store of the shares, where all are there. */
async function joinShares(
  shared: SharedStore,
  ranges: readonly RecordRange[],
  from: number,
  openMain: () => Promise<TargetStore>,
): Promise<TargetStore> {
  const main = await openMain();
  if (main.complete || main.written !== from) return main;
  const parts: TargetStore[] = [];
  for (const [k, range] of ranges.entries()) {
    if (range.end === range.first) continue;
    const part = existsSync(partDir(shared, k + 1)) ? await openPart(shared, k + 1, range) : undefined;
    if (!part || part.written < range.end - range.first) return main;
    parts.push(part);
  }
  await main.adopt(parts);
  await rm(join(shared.dir, PARTS), { recursive: true, force: true });
  return main;
}
