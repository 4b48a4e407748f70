import { add, input } from '../../tensor/index.js';
import { FusedLoop } from '../fused-loop/fused-loop.js';

/** More sums than any run makes. */
const abandoned = 2 ** 30;

const sum = new FusedLoop(() => ({ part: add(input('part', ['n']), input('other', ['n'])) }));

/** Bytes that {@link RankSum} needs to add up arrays of `length` numbers. */
export function sharedBytes(length: number, ranks: number): number {
  return 8 + 2 * ranks * length * 4;
}

/**
 * The sum of the ranks' arrays, through memory that their threads share. It blocks until all have come.
 *
 * Every rank adds in the same order, so all have the same bits. Two sets of slots take turns: no rank can be more than one
 * sum ahead, so what it overwrites has been read by all, and one meeting a sum is enough.
 */
export class RankSum {
  private readonly arrived: Int32Array;
  private readonly slots: Float32Array;
  private readonly length: number;
  private count = 0;

  constructor(
    shared: SharedArrayBuffer,
    private readonly rank: number,
    private readonly ranks: number,
  ) {
    this.arrived = new Int32Array(shared, 0, 1);
    this.slots = new Float32Array(shared, 8);
    this.length = this.slots.length / (2 * ranks);
  }

  /** @returns the sum, in the array given */
  add(part: Float32Array): Float32Array {
    const slot = (rank: number) => {
      const start = ((this.count % 2) * this.ranks + rank) * this.length;
      return this.slots.subarray(start, start + part.length);
    };
    slot(this.rank).set(part);
    this.meet((this.count + 1) * this.ranks);
    const [first, ...rest] = Array.from({ length: this.ranks }, (_, rank) => slot(rank));
    part.set(first!);
    for (const other of rest) sum.run({ part, other }, {}, { part });
    this.count++;
    return part;
  }

  /** Ends the waiting of all ranks, now and from now on. */
  static abandon(shared: SharedArrayBuffer): void {
    const arrived = new Int32Array(shared, 0, 1);
    Atomics.store(arrived, 0, abandoned);
    Atomics.notify(arrived, 0);
  }

  private meet(expected: number): void {
    Atomics.add(this.arrived, 0, 1);
    Atomics.notify(this.arrived, 0);
    for (let now = Atomics.load(this.arrived, 0); now < expected; now = Atomics.load(this.arrived, 0)) {
      Atomics.wait(this.arrived, 0, now);
    }
    if (Atomics.load(this.arrived, 0) >= abandoned) throw new Error('RankSum: another rank has failed');
  }
}
