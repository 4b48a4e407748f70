import sharp from 'sharp';
import { writeFileAtomic } from '../files/index.js';
import { Random } from '../math/index.js';
import type { Example, ImageTextDataset, Picture } from './dataset.js';
import { examplesOf, isLabelled } from './examples-of.js';

export interface SheetOptions {
  readonly split: string;
  /** Pictures on the sheet, drawn by lot. */
  readonly count: number;
  /** PNG file. */
  readonly file: string;
}

const cell = 96;
const label = 16;
const gap = 8;

/** Draws some pictures of a split with their class names, or a caption where there is none, as a PNG. */
export async function contactSheet(dataset: ImageTextDataset, { split, count, file }: SheetOptions): Promise<void> {
  const examples = new Random('sheet', split).shuffle(examplesOf(dataset, split)).slice(0, count);
  const columns = Math.max(1, Math.ceil(Math.sqrt(examples.length * 1.4)));
  const rows = Math.max(1, Math.ceil(examples.length / columns));
  const width = gap + columns * (cell + gap);
  const height = gap + rows * (cell + label + gap);
  const tiles = await Promise.all(
    examples.map(async (example, i) => ({
      input: await tile(await dataset.load(example)),
      left: gap + (i % columns) * (cell + gap),
      top: gap + Math.floor(i / columns) * (cell + label + gap),
    })),
  );
  const captions = tiles.map(({ left, top }, i) => caption(dataset, examples[i]!, left + cell / 2, top + cell + 12));
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="#334" text-anchor="middle">${captions.join('')}</svg>`;
  const sheet = await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([...tiles, { input: Buffer.from(text), left: 0, top: 0 }])
    .png()
    .toBuffer();
  await writeFileAtomic(file, sheet);
}

function tile({ data, width, height, channels }: Picture): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels } })
    .resize(cell, cell, { fit: 'contain', background: '#ffffff' })
    .png()
    .toBuffer();
}

function caption(dataset: ImageTextDataset, example: Example, x: number, y: number): string {
  const name = (isLabelled(example) ? dataset.classes[example.label]!.name : example.captions[0]) ?? '';
  const short = name.length > 16 ? `${name.slice(0, 15)}…` : name;
  const escaped = short.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<text x="${x}" y="${y}">${escaped}</text>`;
}
