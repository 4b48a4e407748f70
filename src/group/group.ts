/**
 * Processes that train together, each with its part of every batch. All of them make the same calls in the same order: a call
 * that one leaves out holds up the others for ever.
 */
export interface Group {
  /** This process, from 0; the first one alone writes and prints. */
  readonly rank: number;
  readonly size: number;
  /** What joins them: `Open MPI v4.1.4`. */
  readonly library?: string;
  /** Milliseconds that {@link allReduce} has taken so far: until the others came, and for the sums. */
  readonly spent: { readonly waiting: number; readonly summing: number };
  /** Replaces numbers by their sums over the group, in place: the same bits in every process. Blocks this thread. */
  allReduce(data: Float32Array): void;
  /** Gives all the bytes of one of them, in place. Blocks this thread. @param from rank whose bytes they are, by default the first */
  broadcast(data: Uint8Array, from?: number): void;
  /** Waits until all have come here. Timers and signals go on meanwhile. */
  barrier(): Promise<void>;
  /** Takes leave, once all are done; nothing may be called after it. */
  close(): void;
}

/** A process by itself. */
export const single: Group = {
  rank: 0,
  size: 1,
  spent: { waiting: 0, summing: 0 },
  allReduce() {},
  broadcast() {},
  async barrier() {},
  close() {},
};

/** Whether this process writes and prints. */
export const leads = (group: Group | undefined): boolean => (group?.rank ?? 0) === 0;

/** Every rank's text, in the order of the ranks. */
export function gatherTexts(group: Group, text: string): string[] {
  const own = new TextEncoder().encode(text);
  const lengths = new Float32Array(group.size);
  lengths[group.rank] = own.length;
  group.allReduce(lengths);
  return Array.from(lengths, (length, rank) => {
    const bytes = rank === group.rank ? own : new Uint8Array(length);
    group.broadcast(bytes, rank);
    return new TextDecoder().decode(bytes);
  });
}

/** What the first rank makes, given to all; the others wait. It has to be JSON. */
export async function madeByFirst<T>(group: Group | undefined, make: () => T | Promise<T>): Promise<T> {
  if (!group || group.size === 1) return make();
  const own = group.rank === 0 ? new TextEncoder().encode(JSON.stringify(await make())) : undefined;
  await group.barrier();
  const length = Float64Array.of(own?.length ?? 0);
  group.broadcast(new Uint8Array(length.buffer));
  const bytes = own ?? new Uint8Array(length[0]!);
  group.broadcast(bytes);
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}
