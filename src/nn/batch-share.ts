import { type Group, type Slice, single, sliceOf } from '../group/index.js';
import { concat, expand, mul, pad, slice, sum, sumOverProcesses, type Tensor, withGradient } from '../tensor/index.js';

/** Rows of a block that a process computes: at least one, which counts for nothing where none is its own. */
export const rowsOf = ({ count }: Slice): number => Math.max(1, count);

/** Of a block's rows, those that a process computes: {@link rowsOf} of them. */
export function ownOf<Row>(rows: readonly Row[], block: Slice): readonly Row[] {
  const from = Math.min(block.from, block.total - 1);
  return rows.slice(from, from + rowsOf(block));
}

/**
 * A batch that is dealt out over the processes of a group, in a traced graph. Towers run over a process's own rows; what
 * compares rows with one another (contrastive losses, batch norm) is computed by every process over the gathered ones.
 *
 * What is minimised is the sum of the processes' losses, so each loss is reported as a share: {@link own} or {@link whole}. In a
 * process by itself both are the loss as it is, and gathered rows the rows themselves.
 */
export class BatchShare {
  /** The images that are this process's own. */
  readonly images: Slice;

  /** @param images of the whole batch */
  constructor(
    images: number,
    readonly group: Group = single,
  ) {
    this.images = sliceOf(images, group);
  }

  /** A process's own part of other rows than images, such as classes. */
  slice(total: number): Slice {
    return sliceOf(total, this.group);
  }

  /**
   * All processes' rows, by a sum of arrays in which each fills in its own; its gradient comes back from all of them, so that
   * global negatives are exact.
   *
   * @param rows own rows of each block, {@link rowsOf} of them, one block after the other
   * @param blocks which rows of the whole they are; left out: the images
   * @returns [Σ total, …], block after block
   */
  gather(rows: Tensor, blocks: readonly Slice[] = [this.images]): Tensor {
    if (this.group.size === 1) return rows;
    let at = 0;
    const whole = blocks.map((block) => {
      const part = slice(rows, 0, at, at + rowsOf(block));
      at += rowsOf(block);
      const { from, count, total } = block;
      if (count > 0) return pad(part, 0, from, total - from - count);
      const place = Math.min(from, total - 1);
      return pad(mul(part, 0), 0, place, total - place - 1);
    });
    return sumOverProcesses(concat(whole, 0));
  }

  /** The rows of {@link gather}'s blocks that are this process's own. */
  ownRows(whole: Tensor, blocks: readonly Slice[] = [this.images]): Tensor {
    if (this.group.size === 1) return whole;
    let start = 0;
    const parts = blocks.map((block) => {
      const from = start + Math.min(block.from, block.total - 1);
      start += block.total;
      return slice(whole, 0, from, from + rowsOf(block));
    });
    return concat(parts, 0);
  }

  /**
   * A parameter that every row of a block reads: [...] → [own rows, ...]. Its gradient is gathered row by row and added up in
   * the order of the rows, so that it has the same bits by any number of processes, where sums of their sums are rounded
   * otherwise by each number. It costs a sum of as many numbers as the parameter has, for every row.
   */
  forEachRow(parameter: Tensor, block: Slice = this.images): Tensor {
    const repeated = expand(parameter, [rowsOf(block), ...parameter.sizes('forEachRow')]);
    if (this.group.size === 1) return repeated;
    return withGradient(repeated, [parameter], (dy) => [this.whole(sum(this.gather(dy, [block]), [0]))]);
  }

  /** This process's share of a loss that is a mean over images: of its own ones. */
  own(loss: Tensor): Tensor {
    return this.group.size === 1 ? loss : mul(loss, this.images.count / this.images.total);
  }

  /**
   * Its share of a loss that every process computes over the whole batch: all of the first one's, nothing of the others'. So what is
   * summed is as it was, where thirds of it would be rounded.
   */
  whole(loss: Tensor): Tensor {
    return this.group.size === 1 ? loss : mul(loss, this.group.rank === 0 ? 1 : 0);
  }
}
