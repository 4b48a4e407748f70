import { dirname } from 'node:path';
import type { Collection } from '../../assemble.js';
import { cachedPack, type Pack, partsOf } from '../../images/packed.js';
import { classesBeside } from '../classes-beside.js';
import { findShards, type Shard, withShardName } from './shards.js';
import { readTar } from './tar.js';

/**
 * WebDataset shards as img2dataset writes them: tar files, plain or gzipped, with images (.jpg, .png, .webp) and their
 * captions (.txt with one a line, or `caption` of .json) and classes (.cls or `label` of .json: names, or numbers of the
 * lines of `classnames.txt` beside the shards).
 *
 * A plain shard is read through once for its index (what is said of each image and where it lies, which is all that is
 * held in memory, some 700 bytes an image) and stays where it is; a gzipped one is unpacked into the cache first.
 * Images can then be read from any place. Training does so shard after shard, see `EpochOrder`.
 *
 * @throws UserError where a shard is missing, or class names are not UTF-8
 */
export async function openWebDataset(path: string): Promise<Collection> {
  const shards = await findShards(path, /\.(tar|tar\.gz|tgz)$/);
  const packs: Pack[] = [];
  for (const shard of shards) packs.push(withShardName(await cachedPack(shard.file, '', readTar), shard));
  return {
    records: packs.flatMap(({ images }) => images.map(({ offset: _, sum: __, ...image }) => image)),
    skipped: packs.flatMap(({ skipped }) => skipped),
    remarks: packs.flatMap(({ remarks }) => remarks),
    classNames: await classNamesBeside(shards),
    source: partsOf(
      packs,
      shards.map(({ file }) => file),
    ),
  };
}

async function classNamesBeside(shards: readonly Shard[]): Promise<string[] | undefined> {
  const own = dirname(shards[0]!.file);
  return (await classesBeside(own)) ?? (await classesBeside(dirname(own)));
}
