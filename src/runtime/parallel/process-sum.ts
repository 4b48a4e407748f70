import type { Worker } from 'node:worker_threads';
import type { Group } from '../../group/index.js';

/** More sums than any run makes. */
const abandoned = 2 ** 30;

/** What the first rank asks of its process's main thread: that so many numbers of the shared memory are added up. */
interface Asked {
  readonly adds: number;
}

/** Memory that ranks and main thread share: who has come, how many sums are done, and the numbers. */
function partsOf(shared: SharedArrayBuffer) {
  return {
    came: new Int32Array(shared, 0, 1),
    done: new Int32Array(shared, 4, 1),
    numbers: new Float32Array(shared, 8),
  };
}

/**
 * The sum over processes of an array that all ranks of a process have alike, as a rank sees it: the first one puts it into memory
 * that the ranks share, the main thread, which alone calls MPI, replaces it by the sum, and all read that. It blocks until then.
 */
export class ProcessSum {
  private readonly shared: ReturnType<typeof partsOf>;
  private count = 0;

  /** @param ask how the first rank reaches the main thread */
  constructor(
    shared: SharedArrayBuffer,
    private readonly rank: number,
    private readonly ranks: number,
    private readonly ask: (asked: Asked) => void,
  ) {
    this.shared = partsOf(shared);
  }

  /** Bytes for arrays of up to `length` numbers. */
  static bytes(length: number): number {
    return 8 + length * 4;
  }

  /** @returns the sum, in the array given */
  add(part: Float32Array): Float32Array {
    const { came, done, numbers } = this.shared;
    this.count++;
    Atomics.add(came, 0, 1);
    Atomics.notify(came, 0);
    const place = numbers.subarray(0, part.length);
    if (this.rank === 0) {
      // Whoever has come has read the sum before.
      waitFor(came, this.count * this.ranks);
      place.set(part);
      this.ask({ adds: part.length });
    }
    waitFor(done, this.count);
    part.set(place);
    return part;
  }

  /** Lets the main thread answer the first worker. */
  static serve([first]: readonly Worker[], shared: SharedArrayBuffer, group: Group): void {
    const { done, numbers } = partsOf(shared);
    first!.on('message', ({ adds }: Partial<Asked>) => {
      if (adds === undefined) return;
      // MPI is given memory of this thread.
      const own = numbers.slice(0, adds);
      group.allReduce(own);
      numbers.set(own);
      Atomics.add(done, 0, 1);
      Atomics.notify(done, 0);
    });
  }

  /** Ends the waiting of all ranks, now and from now on. */
  static abandon(shared: SharedArrayBuffer): void {
    const { came, done } = partsOf(shared);
    for (const counter of [came, done]) {
      Atomics.store(counter, 0, abandoned);
      Atomics.notify(counter, 0);
    }
  }
}

/** Blocks until a counter has come so far. @throws where the ranks were told to wait no more */
function waitFor(counter: Int32Array, expected: number): void {
  for (let now = Atomics.load(counter, 0); now < expected; now = Atomics.load(counter, 0)) {
    Atomics.wait(counter, 0, now);
  }
  if (Atomics.load(counter, 0) >= abandoned) throw new Error('ProcessSum: another rank has failed');
}
