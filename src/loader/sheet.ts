import sharp from 'sharp';
import type { AugmentOptions } from '../augment/index.js';
import { clipPreprocess } from '../clip/index.js';
import { examplesOf, type ImageTextDataset } from '../data/index.js';
import { writeFileAtomic } from '../files/index.js';
import { Random } from '../math/index.js';
import { Loader } from './loader.js';
import { wholePicture } from './pixel-blocks.js';
import { squareRgb } from './pixels.js';
import { storedView } from './stored-view.js';

export interface ViewSheetOptions {
  readonly split: string;
  /** Pictures, drawn by lot: one a row. */
  readonly pictures: number;
  /** Views of each, beside the picture as it is. */
  readonly views: number;
  /** Side of a view in pixels. */
  readonly size: number;
  readonly augment: AugmentOptions;
  readonly seed: number;
  /** PNG file. */
  readonly file: string;
}

const gap = 6;

/** Draws what training sees: a picture a row, first as it is, then views of it. */
export async function viewSheet(dataset: ImageTextDataset, options: ViewSheetOptions): Promise<void> {
  const { views, size, augment, seed } = options;
  const examples = examplesOf(dataset, options.split);
  const order = new Random(seed, 'sheet').shuffle([...examples.keys()]).slice(0, options.pictures);
  const [width, height] = [1 + views, order.length].map((count) => gap + count * (size + gap)) as [number, number];
  const sheet = new Uint8Array(width * height * 3).fill(255);
  const place = (rgb: Uint8Array, row: number, column: number) => {
    const [left, top] = [gap + column * (size + gap), gap + row * (size + gap)];
    for (let y = 0; y < size; y++) {
      sheet.set(rgb.subarray(y * size * 3, (y + 1) * size * 3), ((top + y) * width + left) * 3);
    }
  };
  const viewsOf = (row: number) =>
    Array.from({ length: row < order.length ? views : 0 }, (_, v) =>
      storedView(examples, order[row]!, v, size, { augment, seed }),
    );
  const loader = new Loader(dataset, examples, { size, augment, batch: views, views: viewsOf });
  for (const [row, example] of order.entries()) {
    place(squareRgb(await wholePicture(dataset, examples[example]!), clipPreprocess(size)), row, 0);
    const { rgb } = await loader.batch(row);
    for (let v = 0; v < views; v++) place(rgb.subarray(v * size * size * 3, (v + 1) * size * size * 3), row, 1 + v);
  }
  await loader.dispose();
  const png = await sharp(sheet, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  await writeFileAtomic(options.file, png);
}
