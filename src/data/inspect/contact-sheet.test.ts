import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { contactSheet, type ImageTextDataset } from '../index.js';

it('draws boxes where they stand, also on an image that is not square', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-sheet-'));
  try {
    const [width, height] = [40, 20];
    const dataset: ImageTextDataset = {
      name: 'boxes',
      classes: [{ name: 'left <half>', novel: false }],
      splits: { train: [{ id: '1', captions: ['two \u0001 halves'], boxes: [{ label: 0, at: [0, 0, 0.5, 1] }] }] },
      skipped: [],
      fingerprint: 'boxes',
      load: async () => ({ width, height, channels: 3, data: new Uint8Array(width * height * 3).fill(255) }),
    };
    const file = join(folder, 'sheet.png');
    await contactSheet(dataset, { split: 'train', count: 4, file });
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    const isPainted = (x: number, y: number) => {
      const at = (y * info.width + x) * info.channels;
      return data[at]! - data[at + 1]! > 80;
    };
    // A cell of 192 at (8, 8): the image is 192 × 96 in its middle, the box its left half.
    const [left, top, right, bottom] = [8, 8 + 48, 8 + 96, 8 + 48 + 96];
    expect([isPainted(left, top + 48), isPainted(right, top + 48), isPainted(left + 30, bottom)]).toEqual([
      ...[true, true, true],
    ]);
    expect([
      isPainted(right + 40, top + 48),
      isPainted(left + 48, top + 48),
      isPainted(left + 30, bottom + 20),
    ]).toEqual([false, false, false]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
