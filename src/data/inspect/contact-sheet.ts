import sharp from 'sharp';
import { writeFileAtomic } from '../../files/index.js';
import { Random } from '../../math/index.js';
import type { Example, ImageTextDataset, RawImage } from '../dataset.js';
import { examplesOf, isLabelled } from '../splits/examples-of.js';
import { type SheetText, sheetOverlay } from './sheet-text.js';

/** Options of {@link contactSheet}. */
export interface SheetOptions {
  readonly split: string;
  /** Images on the sheet, sampled. */
  readonly count: number;
  /** PNG file. */
  readonly file: string;
}

/** Side of an image on the sheet, and of one whose boxes are drawn with their names. */
const [plain, boxed] = [96, 192];
const label = 16;
const gap = 8;
const tones = ['#d6336c', '#1c7ed6', '#2b8a3e', '#e8590c', '#7048e8', '#0c8599'];

/**
 * Draws some images of a split with their class names, or a caption where there is none, as a PNG. Boxes are drawn with
 * the names of their classes.
 *
 * @throws UserError where there is no such split, an image cannot be read, or the file cannot be written
 */
export async function contactSheet(dataset: ImageTextDataset, { split, count, file }: SheetOptions): Promise<void> {
  const examples = new Random('sheet', split).shuffle(examplesOf(dataset, split)).slice(0, count);
  const cell = examples.some(({ boxes }) => boxes?.length) ? boxed : plain;
  const columns = Math.max(1, Math.ceil(Math.sqrt(examples.length * 1.4)));
  const rows = Math.max(1, Math.ceil(examples.length / columns));
  const width = gap + columns * (cell + gap);
  const height = gap + rows * (cell + label + gap);
  const texts: SheetText[] = [];
  const shapes: string[] = [];
  const tiles = await Promise.all(
    examples.map(async (example, i) => {
      const left = gap + (i % columns) * (cell + gap);
      const top = gap + Math.floor(i / columns) * (cell + label + gap);
      const image = await dataset.load(example);
      texts.push({ text: captionOf(dataset, example), x: left + cell / 2, y: top + cell + 12, width: cell + gap });
      for (const [n, box] of boxesOn(example, image, cell).entries()) {
        const [x, y] = [left + box.left, top + box.top];
        const tone = tones[n % tones.length]!;
        shapes.push(
          `<rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" fill="none" stroke="${tone}" stroke-width="2"/>`,
        );
        const { name } = dataset.classes[box.label]!;
        // White behind the name, so that it can be read on any image.
        const baseline = Math.min(top + cell - 3, Math.max(top + 11, y - 3));
        const half = Math.min(cell, name.length * 6.2) / 2;
        const middle = Math.max(left + half, Math.min(left + cell - half, x + box.width / 2));
        shapes.push(
          `<rect x="${middle - half}" y="${baseline - 10}" width="${2 * half}" height="13" fill="#fff" fill-opacity="0.8"/>`,
        );
        texts.push({ text: name, x: middle, y: baseline, width: cell });
      }
      return { input: await tile(image, cell), left, top };
    }),
  );
  const sheet = await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([...tiles, { input: sheetOverlay(width, height, texts, shapes), left: 0, top: 0 }])
    .png()
    .toBuffer();
  await writeFileAtomic(file, sheet);
}

function tile({ data, width, height, channels }: RawImage, cell: number): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels } })
    .resize(cell, cell, { fit: 'contain', background: '#ffffff' })
    .png()
    .toBuffer();
}

/** The boxes of an example where they stand in its cell, in pixels: the image is fitted into its middle. */
function boxesOn({ boxes = [] }: Example, { width, height }: RawImage, cell: number) {
  const scale = cell / Math.max(width, height);
  const [wide, tall] = [width * scale, height * scale];
  return boxes.map(({ label, at: [x, y, w, h] }) => ({
    label,
    left: (cell - wide) / 2 + x * wide,
    top: (cell - tall) / 2 + y * tall,
    width: w * wide,
    height: h * tall,
  }));
}

const captionOf = (dataset: ImageTextDataset, example: Example): string =>
  (isLabelled(example) ? dataset.classes[example.label]!.name : example.captions[0]) ?? '';
