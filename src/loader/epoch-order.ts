import { Random } from '../math/index.js';

/** As many as img2dataset puts into a shard. The buffer holds places in a list, no images. */
const usualBuffer = 10_000;

/**
 * The order of an endless stream of epochs, each a shuffled pass over `count` examples; keyed by the seed alone, so that a
 * resumed run goes on where it stopped, without reading what it has seen.
 *
 * Examples that lie in shards are shuffled as WebDataset does it: the shards by lot, and within the stream of their
 * examples a buffer out of which the next is drawn. Files far larger than the memory are so read nearly from end to end,
 * one after the other. Where the buffer holds all examples, any order is as likely as any other, as without shards.
 */
export class EpochOrder {
  private epoch = -1;
  private order: ArrayLike<number> = [];

  /** @param shards for each example the number of its shard [count]; left out: no shards */
  constructor(
    private readonly count: number,
    private readonly seed: number,
    private readonly shards?: Int32Array,
    private readonly buffer = usualBuffer,
  ) {}

  /** The example at a position of the stream, and the epoch that the position is in. */
  at(position: number): { readonly example: number; readonly epoch: number } {
    const epoch = Math.floor(position / this.count);
    if (epoch !== this.epoch) {
      const random = new Random(this.seed, 'order', epoch);
      this.order = this.shards
        ? buffered(byShard(this.shards, random), this.buffer, random)
        : random.shuffle(Array.from({ length: this.count }, (_, i) => i));
      this.epoch = epoch;
    }
    return { example: this.order[position % this.count]!, epoch };
  }
}

/** All places, shard after shard, the shards by lot. */
function byShard(shards: Int32Array, random: Random): Int32Array {
  const sizes = new Map<number, number>();
  for (const shard of shards) sizes.set(shard, (sizes.get(shard) ?? 0) + 1);
  const next = new Map<number, number>();
  let start = 0;
  for (const shard of random.shuffle([...sizes.keys()])) {
    next.set(shard, start);
    start += sizes.get(shard)!;
  }
  const order = new Int32Array(shards.length);
  for (const [place, shard] of shards.entries()) {
    const at = next.get(shard)!;
    order[at] = place;
    next.set(shard, at + 1);
  }
  return order;
}

/** A stream through a buffer of `size`: what comes out next is drawn from it, and what comes in next takes its place. */
function buffered(stream: Int32Array, size: number, random: Random): Int32Array {
  const buffer = stream.slice(0, size);
  const out = new Int32Array(stream.length);
  for (let i = 0; i < out.length; i++) {
    const left = Math.min(buffer.length, out.length - i);
    const drawn = random.int(left);
    out[i] = buffer[drawn]!;
    // At the end of the stream the buffer runs empty.
    buffer[drawn] = i + size < stream.length ? stream[i + size]! : buffer[left - 1]!;
  }
  return out;
}
