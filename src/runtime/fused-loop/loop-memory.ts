/** What a memory may hold: 2³² bytes, WebAssembly's addresses. */
const MOST_BYTES = 2 ** 32;
const PAGE = 2 ** 16;
const VECTOR_BYTES = 16;

/** Numbers of each array that are worked on at once: all arrays of an update together lie in a core's second-level cache. */
export const CHUNK = 2 ** 14;
/** Arrays that a loop reads and writes at most, and sums that it gives. */
export const MOST_ARRAYS = 14;
const CHUNK_BYTES = CHUNK * 4;
/** A double for each half of a vector. */
const SUM_BYTES = 16;
const SUMS_AT = MOST_ARRAYS * CHUNK_BYTES;
/** At the start of each memory, where loops put pieces of what lies elsewhere, and sums. */
const STAGE_BYTES = SUMS_AT + MOST_ARRAYS * SUM_BYTES;

const memories = new WeakMap<ArrayBufferLike, WebAssembly.Memory>();
let stage: WebAssembly.Memory | undefined;

/**
 * Arrays of zeros in WebAssembly's memory, which a `FusedLoop` reads and writes in place, where it copies others in and out.
 *
 * They lie beside each other in as few memories of 4 GB as hold them, and are freed together. An array of 4 GB or more is an
 * ordinary one. They can be neither transferred nor, without all of their memory, sent to a worker.
 */
export function loopArrays(lengths: readonly number[]): Float32Array<ArrayBuffer>[] {
  const bytesOf = (length: number) => Math.ceil((length * 4) / VECTOR_BYTES) * VECTOR_BYTES;
  const found: Float32Array<ArrayBuffer>[] = [];
  let from = 0;
  while (from < lengths.length) {
    let end = STAGE_BYTES;
    let to = from;
    while (to < lengths.length && end + bytesOf(lengths[to]!) <= MOST_BYTES) end += bytesOf(lengths[to++]!);
    if (to === from) {
      found.push(new Float32Array(lengths[from++]!));
      continue;
    }
    const { buffer } = memoryOf(end);
    let at = STAGE_BYTES;
    for (const length of lengths.slice(from, to)) {
      found.push(new Float32Array(buffer, at, length));
      at += bytesOf(length);
    }
    from = to;
  }
  return found;
}

/** The memory that the first of these lies in of those that lie in one; one for all loops where none does. */
export function loopMemoryOf(arrays: readonly Float32Array[]): WebAssembly.Memory {
  for (const { buffer } of arrays) {
    const memory = memories.get(buffer);
    if (memory) return memory;
  }
  // Each memory reserves gigabytes of addresses.
  stage ??= memoryOf(STAGE_BYTES);
  return stage;
}

/** Where a loop puts a piece of its array `i`. */
export const stageIn = ({ buffer }: WebAssembly.Memory, i: number) => new Float32Array(buffer, i * CHUNK_BYTES, CHUNK);

/** The address where a loop puts its sum `i`, two doubles that are to be added. */
export const sumAddress = (i: number): number => SUMS_AT + i * SUM_BYTES;

function memoryOf(bytes: number): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  memories.set(memory.buffer, memory);
  return memory;
}
