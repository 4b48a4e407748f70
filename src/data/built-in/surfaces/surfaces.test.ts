import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../index.js';
import { flawKinds, readSurface, surfaceImages, surfaceSets } from './index.js';
import { flawArea, renderSurface } from './render.js';

let cache: string;
const before = process.env.PROMPTKD_CACHE;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'surfaces-'));
  process.env.PROMPTKD_CACHE = cache;
});
afterAll(async () => {
  if (before === undefined) delete process.env.PROMPTKD_CACHE;
  else process.env.PROMPTKD_CACHE = before;
  await rm(cache, { recursive: true });
});

const products = Object.values(surfaceSets).flat();

describe('surfaces', () => {
  it('have flaws of every kind on every product, of 0.3 to 30 %', () => {
    for (let i = 0; i < products.length; i += 2) {
      const product = products[i]!;
      const flaw = flawKinds[i % flawKinds.length]!;
      const image = surfaceImages(i < 5 ? 'surfaces' : 'surfaces-other').test.find(
        (one) => one.product === product && one.flaw === flaw,
      )!;
      const { image: drawn, mask } = renderSurface(image);
      const area = mask!.reduce((sum, one) => sum + one, 0) / mask!.length;
      expect(area, image.id).toBeGreaterThanOrEqual(flawArea[0]);
      expect(area, image.id).toBeLessThanOrEqual(flawArea[1]);
      expect(drawn.data).toHaveLength(256 * 256 * 3);
      expect(new Set(mask)).toEqual(new Set([0, 1]));
    }
  });

  it('show the same image for the same id, drawn or out of the cache', async () => {
    const [image] = surfaceImages('surfaces').test.filter(({ flaw }) => flaw === 'hole');
    const [first, second] = [await readSurface(image!), await readSurface(image!)];
    expect(second.image.data).toEqual(first.image.data);
    expect(second.mask).toEqual(first.mask);
    expect(renderSurface(image!).image.data).toEqual(first.image.data);
  });

  it('are data like any other: sound images for training, texts that say what is wrong', async () => {
    const dataset = await openDataset('surfaces-other');
    expect(dataset.classes.map(({ name }) => name)).toEqual(['leather', 'concrete', 'printed card']);
    expect(dataset.splits.train).toHaveLength(3 * 40);
    expect(dataset.splits.test).toHaveLength(3 * (20 + 6 * 6));
    expect(dataset.splits.train!.every(({ captions }) => captions[0]!.includes('flawless'))).toBe(true);
    expect(dataset.splits.test!.at(-1)!.captions).toEqual([
      'a photo of printed card with a misprint',
      'damaged printed card',
    ]);
    const image = await dataset.load(dataset.splits.train![0]!);
    expect([image.width, image.height, image.channels]).toEqual([256, 256, 3]);
  });
});
