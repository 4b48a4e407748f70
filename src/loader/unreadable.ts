import type { Skipped } from '../data/index.js';
import { UserError } from '../errors.js';

/** An image that cannot be read, by its place in the list of a data set's examples. */
export interface UnreadableImage extends Skipped {
  readonly example: number;
}

/** So many in a row are no longer single bad files: a disk is gone, or the list is of other data. */
const mostInARow = 1000;

/**
 * The images of a list that cannot be read, and which stand in for them: the next one of the list that can be read, round
 * its end. That depends on the list alone, not on what was read before, so that a resumed run sees what an uninterrupted
 * one sees.
 */
export class UnreadableImages {
  private readonly known = new Map<number, UnreadableImage>();

  /** @param count images of the list */
  constructor(
    private readonly count: number,
    known: readonly UnreadableImage[] = [],
  ) {
    for (const image of known) this.add(image);
  }

  add(image: UnreadableImage): void {
    if (!this.known.has(image.example)) this.known.set(image.example, image);
  }

  /** In the order of the list. */
  get list(): readonly UnreadableImage[] {
    return [...this.known.values()].sort((a, b) => a.example - b.example);
  }

  /**
   * The place of the image itself, or of the one that stands in for it, as far as is known.
   *
   * @throws UserError where none is left, or a thousand in a row cannot be read
   */
  standIn(example: number): number {
    for (let k = 0; k < Math.min(this.count, mostInARow); k++) {
      const next = (example + k) % this.count;
      if (!this.known.has(next)) return next;
    }
    const { reason } = this.list[0]!;
    const all = this.count <= mostInARow ? `none of the ${this.count} images` : `${mostInARow} images in a row, none`;
    throw new UserError(`${all} can be read, the first: ${reason}`);
  }
}
