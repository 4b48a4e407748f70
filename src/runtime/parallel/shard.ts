import { elements, type HostTensor } from '../../tensor/index.js';

/** One rank's part of an array that is split along an axis, as a copy. */
export function shardOf({ shape, data }: HostTensor, axis: number, rank: number, ranks: number): HostTensor {
  const { rows, block } = blocksOf(shape, axis, ranks);
  const part = new (data.constructor as Float32ArrayConstructor)(rows * block);
  for (let row = 0; row < rows; row++) {
    const from = (row * ranks + rank) * block;
    part.set(data.subarray(from, from + block), row * block);
  }
  return { shape: shape.map((size, i) => (i === axis ? size / ranks : size)), data: part };
}

/** The ranks' parts put together again. @param into where, if not in a new array */
export function joinShards(parts: readonly HostTensor[], axis: number, into?: Float32Array): HostTensor {
  const ranks = parts.length;
  const shape = parts[0]!.shape.map((size, i) => (i === axis ? size * ranks : size));
  const { rows, block } = blocksOf(shape, axis, ranks);
  const data = into ?? new Float32Array(elements(shape));
  for (const [rank, part] of parts.entries()) {
    for (let row = 0; row < rows; row++) {
      data.set((part.data as Float32Array).subarray(row * block, (row + 1) * block), (row * ranks + rank) * block);
    }
  }
  return { shape, data };
}

/** Runs of elements that stay together: `rows` times `ranks` blocks. */
function blocksOf(shape: readonly number[], axis: number, ranks: number): { rows: number; block: number } {
  return { rows: elements(shape.slice(0, axis)), block: elements(shape.slice(axis)) / ranks };
}
