import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { augmentBlock, augmentOptions } from '../augment/index.js';
import { resizePixels } from '../clip/index.js';
import { examplesOf, type ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/random.js';
import type { LoaderOptions, LoaderPlan } from './index.js';

// Worker threads run built files.
const built = fileURLToPath(new URL('../../dist/loader/index.js', import.meta.url));
const { Loader } = (await import(built)) as typeof import('./index.js');
const builtData = fileURLToPath(new URL('../../dist/data/index.js', import.meta.url));
const { openDataset } = (await import(builtData)) as typeof import('../data/index.js');

const size = 24;
const batch = 8;
const augment = augmentOptions.parse({ preset: 'photos', mix: { mixup: 1, cutmix: 1 } });
let folder: string;
let files: ImageTextDataset;
/** The same images, but made by the data set and not in files. */
let made: ImageTextDataset;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'loader-'));
  const noise = new Random('loader');
  for (let i = 0; i < 20; i++) {
    const data = Uint8Array.from({ length: 60 * 40 * 3 }, () => noise.int(256));
    await sharp(data, { raw: { width: 60, height: 40, channels: 3 } })
      .png()
      .toFile(join(folder, `${i + 10}.png`));
  }
  files = await openDataset(`folder:${folder}?into=train`);
  const { source: _, ...rest } = files;
  made = rest;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan: LoaderPlan = {
  size,
  augment,
  batch,
  views: (n) =>
    Array.from({ length: n < 6 ? batch : 0 }, (_, i) => {
      const plain = (k: number) => ({ example: (n * batch + 7 * i + k) % 20, key: ['loader', n, i, k] });
      return { ...plain(0), ...(i % 3 === 0 && { mixed: { with: plain(1), mix: { share: 0.3 } } }) };
    }),
};

async function batches(dataset: ImageTextDataset, numbers: readonly number[], options: LoaderOptions = {}) {
  const loader = new Loader(dataset, examplesOf(dataset, 'train'), plan, options);
  try {
    const all: Buffer[] = [];
    for (const n of numbers) all.push(Buffer.from((await loader.batch(n)).rgb));
    return all;
  } finally {
    await loader.dispose();
  }
}

describe('Loader', () => {
  const whole = [0, 1, 2, 3, 4, 5];
  let expected: Buffer[];
  beforeAll(async () => {
    expected = await batches(files, whole);
  });

  it('makes the same numbers in workers, in this thread, and of images out of files or not', async () => {
    expect(new Set(expected.map((rgb) => rgb.toString('base64'))).size).toBe(6);
    expect(await batches(files, whole, { workers: 1 })).toEqual(expected);
    expect(await batches(files, whole, { workers: 2 })).toEqual(expected);
    expect(await batches(made, whole, { workers: 1 })).toEqual(expected);
    expect(await batches(made, whole)).toEqual(expected);
  });

  it('goes on from any batch, and back', async () => {
    expect(await batches(files, [3, 4])).toEqual([expected[3], expected[4]]);
    expect(await batches(files, [0, 1, 0, 5, 2], { workers: 2 })).toEqual([0, 1, 0, 5, 2].map((n) => expected[n]));
  });

  it('makes the same within little memory, where hardly any image is kept', async () => {
    const bytes = 2 * batch * size ** 2 * 3;
    expect(await batches(files, whole, { workers: 1, memory: 4 * 2 ** 20 + bytes + 9000 })).toEqual(expected);
    expect(await batches(made, whole, { memory: 4 * 2 ** 20 + bytes + 9000 })).toEqual(expected);
    await expect(batches(files, [0], { memory: 2 ** 20 })).rejects.toThrow(
      'loader: expected memory for two batches, 5 MiB, got 1 MiB; allow more, or choose a smaller batch',
    );
  });

  it('keeps images as long as there is room', async () => {
    const counted = async (memory: number) => {
      let loads = 0;
      const load: typeof made.load = (example) => {
        loads++;
        return made.load(example);
      };
      await batches({ ...made, load }, [...whole, ...whole, ...whole], { memory });
      return loads;
    };
    // A batch ahead may ask for an image that is being read; there are views of 20 images, 11 a batch.
    expect(await counted(2 ** 26)).toBeLessThan(40);
    expect(await counted(4 * 2 ** 20 + 2 * batch * size ** 2 * 3 + 9000)).toBeGreaterThan(100);
  });

  it('crops out of all pixels of a large image where torchvision’s way is asked for', async () => {
    const side = 1024; // twice what is kept for quicker ways
    const noise = new Random('large');
    const data = Uint8Array.from({ length: side * side * 3 }, () => noise.int(256));
    const large = join(folder, 'large');
    mkdirSync(large);
    await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toFile(join(large, '0.png'));
    const dataset = await openDataset(`folder:${large}?into=train`);
    const crop = augmentBlock('crop').parse({ scale: [1, 1], ratio: 1, flip: 0 });
    const views = () => [{ example: 0, key: ['large'] }];
    for (const workers of [0, 1]) {
      const one = { size, augment: crop, batch: 1, views };
      const loader = new Loader(dataset, examplesOf(dataset, 'train'), one, { workers });
      const { rgb } = await loader.batch(0);
      expect(Buffer.from(rgb)).toEqual(Buffer.from(resizePixels(data, [side, side], [size, size], 3)));
      await loader.dispose();
    }
  });

  describe('with images that cannot be read', () => {
    let broken: ImageTextDataset;
    beforeAll(async () => {
      for (const name of ['14', '15', '29']) writeFileSync(join(folder, `${name}.png`), 'no image');
      broken = files;
    });
    const at = (name: number) => name - 10;

    async function seen(dataset: ImageTextDataset, numbers: readonly number[], options: LoaderOptions = {}) {
      const loader = new Loader(dataset, examplesOf(dataset, 'train'), plan, options);
      try {
        const views = [];
        for (const n of numbers) views.push((await loader.batch(n)).views);
        return { views, unreadable: loader.unreadable };
      } finally {
        await loader.dispose();
      }
    }

    it('shows the next image of the list in their place, whoever makes the views and wherever it begins', async () => {
      const made = await batches(broken, whole, { workers: 2 });
      expect(await batches(broken, whole)).toEqual(made);
      expect(await batches({ ...broken, source: undefined }, whole, { workers: 1 })).toEqual(made);
      expect(await batches(broken, [5, 4], { workers: 1 })).toEqual([made[5], made[4]]);
      const { views, unreadable } = await seen(broken, whole, { workers: 1 });
      const standIns = new Map([
        [at(14), at(16)],
        [at(15), at(16)],
        [at(29), at(10)],
      ]);
      const stands = (example: number) => standIns.get(example) ?? example;
      expect(views.flat().map(({ example }) => example)).toEqual(
        whole.flatMap((n) => plan.views(n).map(({ example }) => stands(example))),
      );
      expect(unreadable.map(({ id }) => id)).toEqual(['14.png', '15.png', '29.png']);
      expect(unreadable[0]!.reason).toMatch(/^14\.png: expected an image/);
    });

    it.each([0, 1])('ends where none can be read, naming the first, with %s workers', async (workers) => {
      const nothing = { ...broken, splits: { train: examplesOf(broken, 'train').slice(at(14), at(16)) } };
      const two: LoaderPlan = { ...plan, views: (n) => [{ example: n % 2, key: [n] }] };
      const loader = new Loader(nothing, examplesOf(nothing, 'train'), two, { workers });
      const loading = loader.batch(0);
      await expect(loading).rejects.toThrow(/^none of the 2 images can be read, the first: 14\.png: expected an image/);
      await expect(loading).rejects.toHaveProperty('name', UserError.name);
      await loader.dispose();
    });
  });
});
