import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { embedDataset } from '../embed/index.js';
import { saveModel } from '../model/index.js';
import { compileOptions, config, dataset, teacher as model } from '../test/colours.fixture.js';
import type * as serve from './index.js';

const built = new URL('../../dist/serve/index.js', import.meta.url);
const log = pino({ level: 'silent' });
const train = dataset.splits.train!;
let ModelServer: typeof serve.ModelServer;
let root = '';
let server: serve.ModelServer;

beforeAll(async () => {
  if (!existsSync(built)) throw new Error('worker threads are tested as built: run "npm run build" first');
  ({ ModelServer } = (await import(built.href)) as typeof serve);
  root = await mkdtemp(join(tmpdir(), 'promptkd-serve-search-'));
  await saveModel(join(root, 'own'), model);
  await saveModel(join(root, 'other'), { ...model, params: initClip(config, 9) });
  await embedDataset(model, dataset, { out: join(root, 'embedded'), modelName: 'own', ...compileOptions });
  server = await ModelServer.start(
    { models: [join(root, 'own'), join(root, 'other')], port: 0, threads: 1, search: join(root, 'embedded') },
    log,
  );
});
afterAll(async () => {
  await server?.stop();
  await rm(root, { recursive: true, force: true });
});

async function search(body: object) {
  const given = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(`${server.url}/v1/search`, given);
  return { status: response.status, json: (await response.json()) as { results: Record<string, unknown>[][] } };
}

it('finds images by images and texts', async () => {
  const { data, width, height, channels } = await dataset.load(train[4]!);
  const png = await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
  const { status, json } = await search({ images: [png.toString('base64')], texts: ['red stripes'], top: 3 });
  expect(status).toBe(200);
  expect(json.results.map((hits) => hits.length)).toEqual([3, 3]);
  expect(json.results[0]![0]).toMatchObject({ id: train[4]!.id, split: 'train', captions: train[4]!.captions });
  const scores = json.results[1]!.map(({ score }) => score as number);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
});

it('says what is wrong: nothing asked, another model, a folder without embeddings', async () => {
  expect(await search({})).toMatchObject({ status: 400, json: { error: { code: 'bad_request' } } });
  expect(await search({ model: 'other', texts: ['red'] })).toMatchObject({
    status: 400,
    json: { error: { message: 'model: other is not the one that the images were embedded by' } },
  });
  const options = { models: [join(root, 'other')], port: 0, threads: 1 };
  await expect(ModelServer.start({ ...options, search: join(root, 'embedded') }, log)).rejects.toThrow(
    'was embedded by own, and other embeds otherwise',
  );
  await expect(ModelServer.start({ ...options, search: root }, log)).rejects.toThrow('found none');
});
