import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { siglip } from '../clip/siglip.fixture.js';
import type { Example } from '../data/index.js';
import { embedImages } from '../evaluate/index.js';
import { datasetPixels } from '../loader/index.js';
import { compileOptions, dataset, teacher } from '../test/colours.fixture.js';
import { patchEncoder, patchFeatures } from './patch-features.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'patches-'));
});
afterAll(() => rm(folder, { recursive: true }));

const images = dataset.splits.train!;
const unit = (row: Float32Array) => row.map((x) => x / Math.hypot(...row));

describe('patch features', () => {
  it('are of the layers asked for, and the embedding is the model’s own', async () => {
    const { layers, embeds, skipped } = await patchFeatures(teacher, dataset, images, {
      layers: [1, 2],
      ...compileOptions,
    });
    expect(layers.map(({ shape }) => shape)).toEqual([
      [12, 16, 24],
      [12, 16, 24],
    ]);
    expect(skipped).toEqual([]);
    const { rows } = await embedImages(teacher, dataset, images, compileOptions);
    for (let i = 0; i < 12; i++) {
      const own = unit(embeds.data.slice(i * 12, (i + 1) * 12));
      for (const [k, x] of own.entries()) expect(x).toBeCloseTo(rows.data[i * 12 + k]!, 5);
    }
  });

  it('depend on their image alone, whatever batch it is in, and follow the order of the layers', async () => {
    const { pixels } = await datasetPixels(dataset, images, teacher.preprocess);
    const one = await patchEncoder(teacher, 1, { layers: [2, 1] }, compileOptions);
    const all = await patchEncoder(teacher, images.length, { layers: [1, 2] }, compileOptions);
    const first = { shape: [1, 3, 16, 16], data: pixels.data.subarray(0, 3 * 256) };
    const alone = await one.run(first);
    const together = await all.run(pixels);
    for (const [i, j] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const expected = together.layers[j]!.data.subarray(0, 16 * 24);
      for (const [k, x] of alone.layers[i]!.data.entries()) expect(x).toBeCloseTo(expected[k]!, 5);
    }
    await Promise.all([one.dispose(), all.dispose()]);
  });

  it('stand in the joint space where asked for, of SigLIP too', async () => {
    const clip = await patchFeatures(teacher, dataset, images, { layers: [1], space: 'joint', ...compileOptions });
    expect(clip.layers[0]!.shape).toEqual([12, 16, 12]);
    const { image_size, patch_size } = siglip.config.vision_config;
    const other = await patchFeatures(siglip, dataset, images.slice(0, 2), {
      layers: [1],
      space: 'joint',
      ...compileOptions,
    });
    expect(other.layers[0]!.shape).toEqual([2, (image_size / patch_size) ** 2, siglip.config.projection_dim]);
  });

  it('are kept on disk where asked for, and read back as they were', async () => {
    const broken: Example = { id: 'broken', captions: [] };
    const some = { ...dataset, load: (e: Example) => (e.id === 'broken' ? fail() : dataset.load(e)) };
    const given = [images[0]!, broken, images[1]!];
    const options = { layers: [2], cache: join(folder, 'cache'), ...compileOptions };
    const made = await patchFeatures(teacher, some, given, options);
    expect(made.examples.map(({ id }) => id)).toEqual([images[0]!.id, images[1]!.id]);
    expect(made.skipped).toEqual([{ id: 'broken', reason: 'broken: damaged' }]);
    const never = { ...some, load: () => fail() };
    expect(await patchFeatures(teacher, never, given, options)).toEqual(made);
    await expect(patchFeatures(teacher, never, given, { ...options, layers: [1] })).rejects.toThrow(
      'none of the 3 images of colours can be read, the first: broken: damaged',
    );
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1);
  });

  it('refuse layers that the model does not have', async () => {
    await expect(patchFeatures(teacher, dataset, images, { layers: [3] })).rejects.toThrow(
      'layers: expected some of 1 to 2, which the model has, got 3',
    );
  });
});

async function fail(): Promise<never> {
  const { UserError } = await import('../errors.js');
  throw new UserError('broken: damaged');
}
