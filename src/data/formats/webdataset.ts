import { dirname, join } from 'node:path';
import { readLines } from '../../files/index.js';
import type { Collection } from '../assemble.js';
import { cachedPack, type Pack, partsOf } from '../packed.js';
import { findShards, type Shard, withShardName } from './shards.js';
import { readTar } from './tar.js';

/**
 * WebDataset shards as img2dataset writes them: tar files, plain or gzipped, with pictures (.jpg, .png, .webp) and their
 * captions (.txt, or `caption` of .json) and classes (.cls, numbers of the lines of `classnames.txt` beside them).
 *
 * A plain shard is read through once for its index (what is said of each picture and where it lies, which is all that is
 * held in memory, some 700 bytes a picture) and stays where it is; a gzipped one is unpacked into the cache first.
 * Pictures can then be read from any place. Training does so shard after shard, see `EpochOrder`.
 *
 * @throws UserError where a shard is missing, or class names are not UTF-8
 */
export async function openWebDataset(path: string): Promise<Collection> {
  const shards = await findShards(path, /\.(tar|tar\.gz|tgz)$/);
  const packs: Pack[] = [];
  for (const shard of shards) {
    packs.push(withShardName(await cachedPack(shard.file, '', readTar), shard));
  }
  const classNames = await classNamesBeside(shards);
  const named = (className: string | undefined) => classNames?.[Number(className)] ?? className;
  return {
    records: packs.flatMap(({ pictures }) =>
      pictures.map(({ offset: _, ...picture }) => ({ ...picture, className: named(picture.className) })),
    ),
    skipped: packs.flatMap(({ skipped }) => skipped),
    classNames,
    source: partsOf(packs),
  };
}

async function classNamesBeside(shards: readonly Shard[]): Promise<string[] | undefined> {
  const own = dirname(shards[0]!.file);
  for (const file of [join(own, 'classnames.txt'), join(own, 'classes.txt'), join(dirname(own), 'classnames.txt')]) {
    const names = await readLines(file);
    if (names) return names;
  }
  return undefined;
}
