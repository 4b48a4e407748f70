import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { augmentOptions } from '../augment/index.js';
import { examplesOf, type ImageTextDataset, openDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/random.js';
import type { LoaderOptions, LoaderPlan } from './index.js';

// Worker threads run built files.
const built = fileURLToPath(new URL('../../dist/loader/index.js', import.meta.url));
const { Loader } = (await import(built)) as typeof import('./index.js');

const size = 24;
const batch = 8;
const augment = augmentOptions.parse({ preset: 'photos', mix: { mixup: 1, cutmix: 1 } });
let folder: string;
let files: ImageTextDataset;
/** The same pictures, but made by the data set and not in files. */
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

  it('makes the same numbers in workers, in this thread, and of pictures out of files or not', async () => {
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

  it('makes the same within little memory, where hardly any picture is kept', async () => {
    const bytes = 2 * batch * size ** 2 * 3;
    expect(await batches(files, whole, { workers: 1, memory: 4 * 2 ** 20 + bytes + 9000 })).toEqual(expected);
    expect(await batches(made, whole, { memory: 4 * 2 ** 20 + bytes + 9000 })).toEqual(expected);
    await expect(batches(files, [0], { memory: 2 ** 20 })).rejects.toThrow(
      'loader: expected memory for two batches, 5 MiB, got 1 MiB; allow more, or choose a smaller batch',
    );
  });

  it('keeps pictures as long as there is room', async () => {
    const counted = async (memory: number) => {
      let loads = 0;
      const load: typeof made.load = (example) => {
        loads++;
        return made.load(example);
      };
      await batches({ ...made, load }, [...whole, ...whole, ...whole], { memory });
      return loads;
    };
    // A batch ahead may ask for a picture that is being read; there are views of 20 pictures, 11 a batch.
    expect(await counted(2 ** 26)).toBeLessThan(40);
    expect(await counted(4 * 2 ** 20 + 2 * batch * size ** 2 * 3 + 9000)).toBeGreaterThan(100);
  });

  it.each([0, 1])('says which picture cannot be read, with %s workers', async (workers) => {
    const broken = mkdtempSync(join(tmpdir(), 'loader-'));
    try {
      for (let i = 0; i < 20; i++)
        await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
          .png()
          .toFile(join(broken, `${i + 10}.png`));
      const dataset = await openDataset(`folder:${broken}?into=train`);
      writeFileSync(join(broken, '14.png'), 'no picture');
      const loading = batches(dataset, whole, { workers });
      await expect(loading).rejects.toThrow(/^14\.png: expected a picture/);
      await expect(loading).rejects.toHaveProperty('name', UserError.name);
    } finally {
      rmSync(broken, { recursive: true, force: true });
    }
  });

  it.each([
    ['files', 0],
    ['files', 2],
    ['made', 1],
  ])(
    'goes on without pictures that cannot be read where they are to be reported: %s, %s workers',
    async (kind, workers) => {
      const folder = mkdtempSync(join(tmpdir(), 'loader-'));
      try {
        for (let i = 0; i < 20; i++)
          await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
            .png()
            .toFile(join(folder, `${i + 10}.png`));
        const { source, ...rest } = await openDataset(`folder:${folder}?into=train`);
        const dataset = kind === 'files' ? { ...rest, source } : rest;
        writeFileSync(join(folder, '14.png'), 'no picture');
        const loader = new Loader(dataset, examplesOf(dataset, 'train'), plan, { workers, unreadable: 'report' });
        let named = 0;
        for (const n of whole) {
          const { views, failed, rgb } = await loader.batch(n);
          const showing = views.flatMap(({ example, mixed }, view) =>
            example === 4 || mixed?.with.example === 4 ? [{ view, example: 4, id: '14.png' }] : [],
          );
          expect(failed).toMatchObject(showing);
          expect(failed.every(({ reason }) => reason.startsWith('expected a picture'))).toBe(true);
          for (const [i] of views.entries()) {
            const pixels = rgb.subarray(i * size * size * 3, (i + 1) * size * size * 3);
            expect(pixels.every((value) => value === 0)).toBe(failed.some(({ view }) => view === i));
          }
          named += failed.length;
        }
        expect(named).toBeGreaterThan(0);
        await loader.dispose();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
