import { readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { parsePreprocessConfig } from '../../clip/preprocess/processor-config.js';
import { readJson } from '../../files/index.js';
import { preprocessImage } from '../../loader/pixels.js';
import { isOwn, parity } from './golden.fixture.js';

// Resampling is Pillow's own, and our copies are PNG, which every decoder reads alike.
const bound = isOwn ? 1e-5 : 0.02;

parity('preprocess', (dir, golden) => {
  for (const [name, expected] of Object.entries(golden)) {
    it(name, async ({ task }) => {
      const file = join(dir, 'preprocessor_config.json');
      const config = parsePreprocessConfig(await readJson(file), file);
      // The reference drops the alpha channel, where we put the image on white: that is left aside here.
      const opaque = await sharp(join(dir, imageOf(dir, name)))
        .removeAlpha()
        .png()
        .toBuffer();
      const pixels = await preprocessImage(opaque, config);
      expect([3, config.size, config.size]).toEqual(expected.shape);
      const differences = pixels.map((x, i) => Math.abs(x - expected.data[i]!));
      const mean = differences.reduce((a, b) => a + b) / differences.length;
      const largest = differences.reduce((a, b) => Math.max(a, b));
      task.meta.parity = `mean difference ${mean.toExponential(1)}, largest ${largest.toExponential(1)}`;
      expect(mean).toBeLessThanOrEqual(bound);
    });
  }
});

function imageOf(dir: string, name: string): string {
  const image = readdirSync(dir).find((file) => parse(file).name === name);
  if (!image) throw new Error(`${dir}: expected an image ${name}, found none`);
  return image;
}
