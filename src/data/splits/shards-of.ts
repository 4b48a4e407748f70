import type { Example, ImageTextDataset } from '../dataset.js';

/**
 * For each example the number of the shard that its image lies in, a file that it shares with others.
 *
 * @returns [examples], or undefined where images are files of their own or made
 */
export function shardsOf(dataset: ImageTextDataset, examples: readonly Example[]): Int32Array | undefined {
  const numbers = new Map<string, number>();
  const shards = new Int32Array(examples.length);
  for (const [i, example] of examples.entries()) {
    const source = dataset.source?.(example);
    if (!source?.part) return undefined;
    const number = numbers.get(source.file) ?? numbers.size;
    numbers.set(source.file, number);
    shards[i] = number;
  }
  return shards;
}
