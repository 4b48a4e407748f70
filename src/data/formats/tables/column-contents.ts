import { splitInName } from '../../splits/split-names.js';
import { classOf, flagOf, textsOf } from './cells.js';

/** What a column's cells look like, counted over all rows. */
export interface ColumnContent {
  /** Cells that hold something. */
  filled: number;
  /** Names or paths of image files, and those of them that are web addresses. */
  images: number;
  addresses: number;
  numbers: number;
  /** 1 or 0, true or false. */
  flags: number;
  /** Names of splits. */
  splits: number;
}

/** Of a column without rows. */
export const emptyContent = (): ColumnContent => ({
  filled: 0,
  images: 0,
  addresses: 0,
  numbers: 0,
  flags: 0,
  splits: 0,
});

const ignore = () => {};
/** A name or path of an image file. */
export const imageName = /\.(jpe?g|png|webp|avif|gif|tiff?|bmp|ppm)$/i;

/** Counts what the columns of rows hold. Columns stand in the order in which they are first seen, in whatever row. */
export class ColumnContents {
  readonly byName = new Map<string, ColumnContent>();

  add(row: ReadonlyMap<string, unknown>): void {
    for (const [name, cell] of row) {
      const content = this.byName.get(name) ?? emptyContent();
      this.byName.set(name, content);
      const text = typeof cell === 'boolean' ? String(cell) : (textsOf(cell, ignore)[0] ?? classOf(cell, ignore));
      if (text === undefined) continue;
      content.filled++;
      if (/^[a-z]+:\/\//i.test(text)) content.addresses++;
      else if (imageName.test(text)) content.images++;
      else if (/^[+-]?\d+(\.0*)?$/.test(text)) content.numbers++;
      if (flagOf(cell) !== undefined) content.flags++;
      if (splitInName(text) !== undefined) content.splits++;
    }
  }
}
