import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { embedImages, embedTexts } from '../evaluate/index.js';
import { dots } from '../math/index.js';
import { compileOptions, config, dataset, teacher as model } from '../test/colours.fixture.js';
import { embedDataset } from './embed-dataset.js';
import { checkProbe, imageQuery, probeText, textQuery } from './query.js';
import { SearchIndex } from './search-index.js';

let out = '';
const train = dataset.splits.train!;
const half = { ...dataset, splits: { train: train.slice(0, 5) } };
const embed = (data = dataset) =>
  embedDataset(model, data, { out, modelName: 'colours', part: 3, dtype: 'f32', ...compileOptions });
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'promptkd-search-'));
  await embed(half);
});
afterAll(() => rm(out, { recursive: true }));

it('finds what all cosines say, by text, also in what is embedded later', async () => {
  const index = await SearchIndex.open(out);
  expect(index.count).toBe(5);
  await embed();
  await index.refresh();
  expect(index.count).toBe(12);
  const texts = ['red stripes', 'a blue thing'];
  const queries = await textQuery(model, texts, compileOptions);
  const found = await index.nearest(queries, 4);
  const { rows } = await embedImages(model, dataset, train, compileOptions);
  for (const i of texts.keys()) {
    const cosines = dots(await embedTexts(model, texts, compileOptions), i, rows, new Float64Array(12));
    const best = [...cosines.keys()].sort((a, b) => cosines[b]! - cosines[a]!).slice(0, 4);
    expect(found[i]!.map(({ id }) => id)).toEqual(best.map((row) => train[row]!.id));
    expect(found[i]![0]!.score).toBeCloseTo(cosines[best[0]!]!, 5);
  }
  expect(found[0]![0]).toMatchObject({ dataset: 'colours', split: 'train' });
});

it('finds an image by itself', async () => {
  const { data, width, height, channels } = await dataset.load(train[7]!);
  const png = await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
  const file = join(out, 'query.png');
  await writeFile(file, png);
  const index = await SearchIndex.open(out);
  const [hits] = await index.nearest(await imageQuery(model, file, compileOptions), 1);
  expect(hits).toMatchObject([{ id: train[7]!.id }]);
  expect(hits![0]!.score).toBeCloseTo(1, 5);
});

it('knows the model again, and no other; refuses folders and queries that do not fit', async () => {
  const { manifest } = await SearchIndex.open(out);
  const probe = (of: typeof model) => textQuery(of, [probeText], compileOptions);
  checkProbe(out, manifest, await probe(model), 'same');
  const other = await probe({ ...model, params: initClip(config, 9) });
  expect(() => checkProbe(out, manifest, other, 'other')).toThrow(
    'was embedded by colours, and other embeds otherwise',
  );
  await expect(SearchIndex.open(tmpdir())).rejects.toThrow('expected embeddings, found none');
  const index = await SearchIndex.open(out);
  await expect(index.nearest({ data: new Float32Array(3), count: 1, width: 3 }, 1)).rejects.toThrow(
    'holds embeddings of 12 numbers, the query has 3',
  );
  await writeFile(join(out, 'img_emb', 'img_emb_0000_000001.npy'), 'damaged');
  await expect(SearchIndex.open(out)).rejects.toThrow('img_emb_0000_000001.npy');
});
