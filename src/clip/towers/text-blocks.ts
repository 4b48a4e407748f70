import type { Runnable } from '../../runtime/index.js';
import { type HostTensor, input, type Tensor } from '../../tensor/index.js';
import type { TokenizedTexts } from '../tokenizer/tokenize-all.js';

const most = 64;

/** Inputs of a program that reads `count` texts in blocks of one size: ids [block, length], ends [block]. */
export function textBlockInputs(count: number, length: number): { ids: Tensor; ends: Tensor } {
  const block = Math.min(most, count);
  return { ids: input('ids', [block, length], 'int32'), ends: input('ends', [block], 'int32') };
}

/**
 * Runs a program with {@link textBlockInputs} over all texts.
 *
 * @param fixed what it is fed beside them
 * @param take awaited after each block with its results, the number of its first text, and how many rows are texts
 */
export async function runTextBlocks(
  program: Runnable,
  fixed: Readonly<Record<string, HostTensor>>,
  { ids, ends, length }: TokenizedTexts,
  take: (results: Readonly<Record<string, HostTensor>>, from: number, count: number) => void | Promise<void>,
): Promise<void> {
  const block = Math.min(most, ends.length);
  const feeds = {
    ids: { shape: [block, length], data: new Int32Array(block * length) },
    ends: { shape: [block], data: new Int32Array(block) },
  };
  for (let from = 0; from < ends.length; from += block) {
    // The last block keeps the rows of the one before in its rest.
    const count = Math.min(block, ends.length - from);
    feeds.ids.data.set(ids.subarray(from * length, (from + count) * length));
    feeds.ends.data.set(ends.subarray(from, from + count));
    await take(await program.run({ ...fixed, ...feeds }), from, count);
  }
}
