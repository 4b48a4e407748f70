import { Random } from '../random.js';

/** The order of an endless stream of epochs, each a shuffled pass over `count` examples; keyed by the seed alone. */
export class EpochOrder {
  private epoch = -1;
  private order: number[] = [];

  constructor(
    private readonly count: number,
    private readonly seed: number,
  ) {}

  /** The example at a position of the stream, and the epoch that the position is in. */
  at(position: number): { readonly example: number; readonly epoch: number } {
    const epoch = Math.floor(position / this.count);
    if (epoch !== this.epoch) {
      const all = Array.from({ length: this.count }, (_, i) => i);
      this.order = new Random(this.seed, 'order', epoch).shuffle(all);
      this.epoch = epoch;
    }
    return { example: this.order[position % this.count]!, epoch };
  }
}
