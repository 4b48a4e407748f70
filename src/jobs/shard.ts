import { UserError } from '../errors.js';

/** One of N equal parts of some work. */
export interface Shard {
  /** From 1 to `of`. */
  readonly number: number;
  readonly of: number;
}

/** All of the work. */
export const wholeWork: Shard = { number: 1, of: 1 };

/** More parts than anybody has; file names have room for it. */
const mostShards = 9999;

/**
 * Reads `3/20`, the third of twenty shards, as test runners write it.
 *
 * @throws UserError for anything else
 */
export function parseShard(text: string): Shard {
  const [, number, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text.trim()) ?? [];
  const shard = { number: Number(number), of: Number(of) };
  if (!(shard.of >= 1 && shard.of <= mostShards && shard.number >= 1 && shard.number <= shard.of)) {
    throw new UserError(
      `--shard: expected NUMBER/SHARDS with a number from 1 to the shards, at most ${mostShards}, as 3/20; got ${text.slice(0, 40)}`,
    );
  }
  return shard;
}

export const shardText = ({ number, of }: Shard): string => `${number}/${of}`;

/** A shard's part of a list: every N-th thing, so that no shard has all of the slow ones. */
export const shardOf = <Thing>(things: readonly Thing[], { number, of }: Shard): Thing[] =>
  of === 1 ? [...things] : things.filter((_, i) => i % of === number - 1);
