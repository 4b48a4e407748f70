import { UserError } from '../errors.js';
import { type Group, single } from './group.js';

/** The part of a batch's rows that is a process's own. */
export interface Slice {
  readonly from: number;
  readonly count: number;
  /** Rows of the whole batch. */
  readonly total: number;
}

/**
 * A process's part of a batch: the rows are dealt out in order and as evenly as they go. Nothing is padded: parts may differ by
 * one row.
 */
export function sliceOf(total: number, { rank, size }: Pick<Group, 'rank' | 'size'> = single): Slice {
  const from = Math.floor((rank * total) / size);
  return { from, count: Math.floor(((rank + 1) * total) / size) - from, total };
}

/** {@link sliceOf} a batch of images. @throws UserError where there are more processes than images */
export function imageSlice(field: string, batch: number, group: Group | undefined): Slice {
  if (group && group.size > batch) {
    throw new UserError(
      `${group.size} processes: ${field} is ${batch}, which is fewer than one image each; start at most ${batch}, or choose a larger batch`,
    );
  }
  return sliceOf(batch, group);
}

/**
 * Every process's own rows, in all of them: rows of others in `data` are overwritten.
 *
 * @param data [total, width]
 */
export function gatherRows(group: Group | undefined, { from, count, total }: Slice, data: Float32Array): void {
  if (!group || group.size === 1) return;
  const width = data.length / total;
  data.fill(0, 0, from * width);
  data.fill(0, (from + count) * width);
  group.allReduce(data);
}
