import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import type { ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { embedImages, embedTexts } from '../evaluate/index.js';
import { readNpy } from '../files/index.js';
import { compileOptions, config, dataset, teacher as model } from '../test/colours.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';
import { type EmbedDatasetOptions, embedDataset } from './embed-dataset.js';
import { SearchIndex } from './search-index.js';

let out = '';
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'promptkd-embed-'));
});
afterEach(() => rm(out, { recursive: true }));

const embed = (more: Partial<EmbedDatasetOptions> = {}, data = dataset, of = model) =>
  embedDataset(of, data, { out, modelName: 'colours', ...compileOptions, ...more });
const records = async (name: string) => {
  const bytes = await readFile(join(out, 'metadata', name));
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer });
};
const allIds = async () => {
  const names = (await readdir(join(out, 'metadata'))).sort();
  return (await Promise.all(names.map(records))).flat().map(({ id }) => id as string);
};
const train = dataset.splits.train!;

it('writes images, texts and metadata as clip-retrieval does: rows in one order, one file of each a part', async () => {
  const result = await embed({ part: 8, dtype: 'f32' });
  expect(result).toMatchObject({ embedded: 12, already: 0, unreadable: [], parts: 2, width: config.projection_dim });
  const images = await embedImages(model, dataset, train, compileOptions);
  const captions = train.map(({ captions: [first] }) => first);
  const texts = await embedTexts(
    model,
    captions.map((text) => text ?? 'none'),
    compileOptions,
  );
  let row = 0;
  for (const [stem, count] of [
    ['0000_000000', 8],
    ['0000_000001', 4],
  ] as const) {
    const image = await readNpy(join(out, 'img_emb', `img_emb_${stem}.npy`));
    const text = await readNpy(join(out, 'text_emb', `text_emb_${stem}.npy`));
    expect([image.shape, text.shape]).toEqual([
      [count, 12],
      [count, 12],
    ]);
    for (const [i, record] of (await records(`metadata_${stem}.parquet`)).entries()) {
      expect(record).toMatchObject({
        ...{ id: train[row]!.id, image_path: train[row]!.id, dataset: 'colours', split: 'train' },
        ...{ caption: captions[row] ?? '', captions: JSON.stringify(train[row]!.captions), artist: null },
        class: dataset.classes[train[row]!.label!]!.name,
      });
      const part = (data: Float32Array, at: number) => data.slice(at * 12, (at + 1) * 12);
      expect(part(image.data, i)).toEqual(part(images.rows.data, row));
      expect(part(text.data, i)).toEqual(captions[row] ? part(texts.data, row) : new Float32Array(12));
      row++;
    }
  }
});

it('is incremental: embeds what is new, tries unreadable images again, and counts both', async () => {
  const torn = train[4]!.id;
  const load: typeof dataset.load = async (example) => {
    if (example.id === torn) throw new UserError('torn');
    return dataset.load(example);
  };
  const fewer = { ...dataset, load, splits: { train: train.slice(0, 7) } };
  expect(await embed({}, fewer)).toMatchObject({ embedded: 6, unreadable: [{ id: torn, reason: 'torn' }] });
  expect(await embed()).toMatchObject({ embedded: 6, already: 6, unreadable: [] });
  expect(await embed()).toMatchObject({ embedded: 0, already: 12, parts: 0 });
  const ids = await allIds();
  expect(ids.toSorted()).toEqual(train.map(({ id }) => id).toSorted());
});

it('in shards, in any order, has every image once; as parquet, embeddings stand beside it', async () => {
  for (const number of [3, 1, 2]) await embed({ shard: { number, of: 3 }, format: 'parquet', texts: false });
  expect((await allIds()).toSorted()).toEqual(train.map(({ id }) => id).toSorted());
  const [first] = await records('metadata_0001_000000.parquet');
  const images = await embedImages(model, dataset, train.slice(0, 1), compileOptions);
  expect(first!.image_embedding).toEqual(Array.from(images.rows.data));
  const stats = JSON.parse(await readFile(join(out, 'stats', '0002_of_0003.json'), 'utf8'));
  expect(stats).toMatchObject({ shard: 2, shards: 3, embedded: 4, already: 0, unreadable: 0 });
});

it('does not mix models, choices or data sets, unless it is told to', async () => {
  await embed();
  const other = { ...model, params: initClip(config, 9) };
  await expect(embed({}, dataset, other)).rejects.toThrow('holds embeddings of another model');
  await expect(embed({ dtype: 'f32' })).rejects.toThrow('another number format (was f16, is f32)');
  const named = { ...dataset, name: 'others' };
  await expect(embed({}, named)).rejects.toThrow('holds embeddings of colours, not of others');
  expect(await embed({ extend: true }, named)).toMatchObject({ embedded: 12 });
  await writeFile(join(out, 'img_emb', 'mine.txt'), 'mine');
  expect(await embed({ overwrite: true }, dataset, other)).toMatchObject({ embedded: 12, already: 0 });
  expect(await allIds()).toHaveLength(12);
  expect(await readFile(join(out, 'img_emb', 'mine.txt'), 'utf8')).toBe('mine');
  await expect(embed({ overwrite: true, shard: { number: 1, of: 2 } })).rejects.toThrow('--overwrite with --shard');
});

it('lets one process at a shard, and processes with one number of shards', async () => {
  let inside: Promise<unknown>[] = [];
  const load: typeof dataset.load = async (example) => {
    if (inside.length === 0)
      inside = [embed({ shard: { number: 1, of: 2 } }), embed({ shard: { number: 2, of: 3 } })].map((one) =>
        one.catch((error: Error) => error.message),
      );
    await Promise.all(inside);
    return dataset.load(example);
  };
  await embed({ shard: { number: 1, of: 2 } }, { ...dataset, load });
  expect(await Promise.all(inside)).toEqual([
    expect.stringContaining(`shard 1/2 is being embedded by process ${process.pid}`),
    expect.stringContaining('another process embeds it in 2 shards, and this one in 3'),
  ]);
  expect(await allIds()).toHaveLength(6);
});

it('embeds a part again where a file has changed under its name, and the open index follows', async () => {
  const photos = join(out, 'photos');
  for (const { id } of train.slice(0, 5)) await put(photos, `${id}.png`, await imageFile('#202020'));
  const one: ImageTextDataset = {
    ...dataset,
    splits: { train: train.slice(0, 5) },
    source: ({ id }) => ({ file: join(photos, `${id}.png`) }),
  };
  expect(await embed({ part: 3, dtype: 'f32' }, one)).toMatchObject({ embedded: 5, changed: 0, parts: 2 });
  const index = await SearchIndex.open(out);
  const before = await embedImages(model, one, [train[2]!], compileOptions);
  expect((await index.nearest(before.rows, 1))[0]![0]!.score).toBeCloseTo(1, 5);
  expect(await embed({ part: 3, dtype: 'f32' }, one)).toMatchObject({ embedded: 0, already: 5, changed: 0 });
  await put(photos, `${train[2]!.id}.png`, await imageFile('#f0a000'));
  expect(await embed({ part: 3, dtype: 'f32' }, one)).toMatchObject({ embedded: 3, already: 2, changed: 1 });
  expect((await allIds()).toSorted()).toEqual(one.splits.train!.map(({ id }) => id).toSorted());
  await index.refresh();
  expect(index.count).toBe(5);
  const now = await embedImages(model, one, [train[2]!], compileOptions);
  const [hit] = (await index.nearest(now.rows, 5))[0]!.filter(({ id }) => id === train[2]!.id);
  expect(hit!.score).toBeCloseTo(1, 5);
});
