import sharp from 'sharp';
import type { AugmentOptions } from '../augment/index.js';
import { clipPreprocess } from '../clip/index.js';
import {
  type Example,
  examplesOf,
  type ImageTextDataset,
  isLabelled,
  type SheetText,
  sheetOverlay,
} from '../data/index.js';
import { writeFileAtomic } from '../files/index.js';
import { Random } from '../math/index.js';
import { Loader } from './loader.js';
import { wholeImage } from './pixel-blocks.js';
import { squareRgb } from './pixels.js';
import { storedView } from './stored-view.js';

/** Options of {@link viewSheet}. */
export interface ViewSheetOptions {
  readonly split: string;
  /** Images, sampled: one per row. */
  readonly images: number;
  /** Views of each, beside the original. */
  readonly views: number;
  /** Side of a view in pixels. */
  readonly size: number;
  readonly augment: AugmentOptions;
  readonly seed: number;
  /** PNG file. */
  readonly file: string;
}

const gap = 6;
/** Of the column that says what each row is, and of the row that says what each column is. */
const [labelWidth, headHeight] = [150, 18];

/**
 * Draws what training sees: an image per row, first as it is, then views of it. Beside each row stands what it shows: its
 * class or caption, and its id; above each column which view it is.
 *
 * @throws UserError where there is no such split, an image cannot be read, or the file cannot be written
 */
export async function viewSheet(dataset: ImageTextDataset, options: ViewSheetOptions): Promise<void> {
  const { views, size, augment, seed } = options;
  const examples = examplesOf(dataset, options.split);
  const order = new Random(seed, 'sheet').shuffle([...examples.keys()]).slice(0, options.images);
  const width = labelWidth + gap + (1 + views) * (size + gap);
  const height = headHeight + gap + order.length * (size + gap);
  const leftOf = (column: number) => labelWidth + gap + column * (size + gap);
  const topOf = (row: number) => headHeight + gap + row * (size + gap);
  const sheet = new Uint8Array(width * height * 3).fill(255);
  const place = (rgb: Uint8Array, row: number, column: number) => {
    for (let y = 0; y < size; y++) {
      sheet.set(rgb.subarray(y * size * 3, (y + 1) * size * 3), ((topOf(row) + y) * width + leftOf(column)) * 3);
    }
  };
  const viewsOf = (row: number) =>
    Array.from({ length: row < order.length ? views : 0 }, (_, v) =>
      storedView(examples, order[row]!, v, size, { augment, seed }),
    );
  const loader = new Loader(dataset, examples, { size, augment, batch: views, views: viewsOf });
  const texts: SheetText[] = Array.from({ length: 1 + views }, (_, column) => ({
    text: column === 0 ? 'original' : size < 48 ? String(column) : `view ${column}`,
    x: leftOf(column) + size / 2,
    y: headHeight,
    width: size + gap,
  }));
  for (const [row, example] of order.entries()) {
    place(squareRgb(await wholeImage(dataset, examples[example]!), clipPreprocess(size)), row, 0);
    const { rgb } = await loader.batch(row);
    for (let v = 0; v < views; v++) place(rgb.subarray(v * size * size * 3, (v + 1) * size * size * 3), row, 1 + v);
    texts.push(...rowTexts(dataset, examples[example]!, topOf(row) + size / 2));
  }
  await loader.dispose();
  const png = await sharp(sheet, { raw: { width, height, channels: 3 } })
    .composite([{ input: sheetOverlay(width, height, texts), left: 0, top: 0 }])
    .png()
    .toBuffer();
  await writeFileAtomic(options.file, png);
}

/** What an image shows, and its id, around the middle of its row. */
function rowTexts({ classes }: ImageTextDataset, example: Example, middle: number): SheetText[] {
  const shows = isLabelled(example) ? classes[example.label]!.name : example.captions[0];
  const line = { x: gap, width: labelWidth - gap, anchor: 'start' as const };
  if (shows === undefined) return [{ ...line, text: example.id, y: middle + 4 }];
  return [
    { ...line, text: shows, y: middle - 2, bold: true },
    { ...line, text: example.id, y: middle + 11 },
  ];
}
