import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { type BankTask, bankModel, initTaskPrompts, readBank, saveBank } from '../../bank/index.js';
import { jobTable } from '../../cli/output/jobs.js';
import { runTable } from '../../cli/output/runs.js';
import { loadOnnxPair } from '../../clip/checkpoint/onnx-pair.js';
import { exportModel } from '../../compress/index.js';
import { checkpoint, promptsFor } from '../../compress/student.fixture.js';
import { decodeImage, type ImageTextDataset, openDataset } from '../../data/index.js';
import { readManifest, writeManifest } from '../../distill/targets/target-manifest.js';
import { embedDataset, SearchIndex } from '../../embed/index.js';
import { checksum, fileList, jsonOrNothing, readJson, readSafetensors, writeSafetensors } from '../../files/index.js';
import { createJobSet, readJobSet, readRecords } from '../../jobs/index.js';
import { writeRecord } from '../../jobs/job-set.js';
import { loadModel, saveModel } from '../../model/index.js';
import { findRuns, runsReport, summaryOf } from '../../runs/index.js';
import { readCascade } from '../../serve/cascade/cascade-file.js';
import { readRunRecord } from '../../train/index.js';
import { History } from '../../train/run/history.js';
import { TensorboardEvents } from '../../train/run/tensorboard.js';
import { compileOptions, dataset, teacher } from '../colours.fixture.js';
import { imageFile, put } from '../images.fixture.js';

/** Something that reads files which a stranger may have made. */
export interface Parser {
  readonly name: string;
  /** Writes sound files into a folder. */
  make(folder: string): Promise<unknown>;
  /** Reads them; the folder may have been damaged since. Reports what is wrong by a UserError. */
  read(folder: string): unknown;
  /** Which files are damaged. @defaultValue all */
  readonly files?: RegExp;
}

const pixels = (type: 'png' | 'jpeg' | 'webp') => ({
  name: `a ${type} image`,
  make: async (folder: string) => put(folder, 'image', await imageFile('#c04020', type)),
  read: async (folder: string) => decodeImage(readFileSync(join(folder, 'image')), 'image'),
});

/** A data set of images and texts, opened, and its first images read. */
const data = (name: string, spec: (folder: string) => string, make: Parser['make'], files?: RegExp): Parser => ({
  name,
  files,
  make,
  read: async (folder) => {
    const dataset = await openDataset(spec(folder));
    for (const split of Object.values(dataset.splits)) await readFirst(dataset, split);
  },
});

async function readFirst(dataset: ImageTextDataset, split: ImageTextDataset['splits'][string]) {
  for (const example of split.slice(0, 2)) await dataset.load(example);
}

const rows = [
  ['image', 'label', 'caption', 'split'],
  ['a.png', 'cat', 'a cat, sitting', 'train'],
  ['b.png', 'dog', 'a "dog"', 'test'],
];
async function images(folder: string) {
  for (const name of ['a.png', 'b.png']) await put(folder, name);
}
const table = (kind: string, separator: string) =>
  data(
    `a ${kind} file`,
    (folder) => `${kind}:${join(folder, `list.${kind}`)}`,
    async (folder) => {
      await images(folder);
      const cell = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      await put(folder, `list.${kind}`, rows.map((row) => row.map(cell).join(separator)).join('\n'));
    },
    /list/,
  );

const json = (file: string, read: Parser['read'], content: unknown, name = file): Parser => ({
  name,
  make: (folder) => put(folder, file, JSON.stringify(content)),
  read,
});

/** A shard of images with captions and metadata. */
async function shard(folder: string) {
  const tar = pack();
  for (const key of ['000', '001']) {
    tar.entry({ name: `${key}.png` }, await imageFile());
    tar.entry({ name: `${key}.txt` }, `a caption of ${key}`);
    tar.entry({ name: `${key}.json` }, JSON.stringify({ caption: 'another', label: 1 }));
  }
  tar.finalize();
  await put(folder, 'x.tar', await buffer(tar));
}

/** Without its checksums, which would refuse anything before it is parsed. */
async function model(folder: string, prompted: boolean) {
  await saveModel(folder, { ...checkpoint, ...(prompted ? { prompts: promptsFor(2) } : {}) });
  rmSync(join(folder, fileList));
}

const runRecord = {
  ...{ version: 1, id: 'x', command: 'distill', state: 'running', started: '2026-01-01T00:00:00Z' },
  ...{ recipe: { seed: 1 }, data: { name: 'emoji', fingerprint: 'x' }, models: { teacher: { source: 'a' } } },
  machine: { host: 'h', processor: 'p', cores: 2, memory_bytes: 1, device: 'cpu', tensor_parallel: 1 },
  ...{ versions: { node: '20' }, steps: 1, seconds: 1, images_seen: 1, skipped: [], figures: {} },
};

/** A tiny student, and tasks of it. */
function bankParts() {
  const tower = { ...checkpoint, prompts: promptsFor(2) };
  const width = tower.config.projection_dim;
  const rows = (count: number) => ({
    shape: [count, width],
    data: new Float32Array(count * width).fill(width ** -0.5),
  });
  const task = (name: string): BankTask => ({
    ...{ name, classes: ['a', 'b'], data: { name: 'x', fingerprint: 'x' }, steps: 1, seconds: 0 },
    prompts: initTaskPrompts(tower, { n_ctx: 2, depth: 2 }, 1),
    keys: { centroids: rows(3), texts: rows(2), threshold: { image: 0.5, text: -1 } },
    replay: { side: 2, labels: [0, 1], pixels: new Uint8Array(24) },
  });
  return { tower, task };
}

/** Has a task's description name the tensors that are there, as a stranger's would. */
function reseal(task: string): void {
  const file = join(task, 'task.json');
  const about = jsonOrNothing(readFileSync(file, 'utf8'));
  if (typeof about !== 'object' || about === null || !('weights' in about)) return;
  const sum = checksum(readFileSync(join(task, 'task.safetensors')));
  if (about.weights !== sum) writeFileSync(file, JSON.stringify({ ...about, weights: sum }));
}

const entry = { phase: 'a', losses: { total: 1 }, learning_rate: 1, gradient_norm: 1, images_per_second: 1 };

export const parsers: readonly Parser[] = [
  ...(['png', 'jpeg', 'webp'] as const).map(pixels),
  ...[table('csv', ','), table('tsv', '\t')],
  data(
    'a jsonl file',
    (folder) => `jsonl:${join(folder, 'list.jsonl')}`,
    async (folder) => {
      await images(folder);
      const lines = rows.slice(1).map((row) => Object.fromEntries(row.map((value, i) => [rows[0]![i], value])));
      await put(folder, 'list.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    },
    /list/,
  ),
  data(
    'a parquet file',
    (folder) => `parquet:${join(folder, 'cards.parquet')}?into=train`,
    (folder) => put(folder, 'cards.parquet', readFileSync('fixtures/data/cards.parquet')),
  ),
  data('a WebDataset shard', (folder) => `wds:${join(folder, 'x.tar')}?into=train`, shard),
  data(
    'COCO annotations',
    (folder) => `coco:${folder}`,
    async (folder) => {
      const annotations = [{ id: 1, image_id: 7, caption: 'A cat.' }];
      const file = { images: [{ id: 7, file_name: '7.png', width: 20, height: 10 }], annotations };
      await put(folder, 'annotations/captions_train2017.json', JSON.stringify(file));
      await put(folder, 'train2017/7.png');
    },
    /json$/,
  ),
  data(
    'a folder with metadata',
    (folder) => `folder:${folder}`,
    async (folder) => {
      for (const name of ['a.png', 'b.png']) await put(folder, `train/${name}`);
      const lines = ['a.png', 'b.png'].map((name) => JSON.stringify({ file_name: name, text: `of ${name}`, label: 0 }));
      await put(folder, 'train/metadata.jsonl', lines.join('\n'));
    },
    /jsonl$/,
  ),
  data(
    'Flickr captions',
    (folder) => `flickr:${folder}`,
    async (folder) => {
      const sentences = [{ raw: 'A dog .', tokens: ['a', 'dog'] }];
      await put(
        folder,
        'dataset_flickr8k.json',
        JSON.stringify({ images: [{ filename: 'a.png', split: 'train', sentences }] }),
      );
      await put(folder, 'a.png');
    },
    /json/,
  ),
  {
    name: 'a safetensors file',
    make: (folder) =>
      writeSafetensors(join(folder, 'x.safetensors'), {
        a: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        b: { shape: [4], data: Int32Array.of(1, 2, 3, 4) },
      }),
    read: (folder) => readSafetensors(join(folder, 'x.safetensors')),
  },
  { name: 'a checkpoint', make: (folder) => model(folder, false), read: loadModel },
  { name: 'a checkpoint with prompts', make: (folder) => model(folder, true), read: loadModel },
  {
    name: 'an ONNX pair',
    make: async (folder) => {
      const student = join(folder, 'student');
      await model(student, false);
      await exportModel({ model: await loadModel(student), out: folder });
      rmSync(student, { recursive: true });
      rmSync(join(folder, fileList));
    },
    read: async (folder) => (await loadOnnxPair(folder, { threads: 1 })).dispose(),
    files: /(json|vision_model\.onnx)$/,
  },
  {
    name: 'the manifest of stored targets',
    make: (folder) =>
      writeManifest(folder, {
        version: 3,
        fingerprint: { teacher: 'x', views: 2 },
        contents: { size: 2, embed: 3, tokens: 5, width: 4, hidden: [1], attention: [1] },
        shards: [{ file: 'shard-00000.bin', records: 1, sha256: '0'.repeat(64) }],
        unreadable: [],
      }),
    read: readManifest,
  },
  json('cascade.json', (folder) => readCascade(join(folder, 'cascade.json')), {
    format: 'promptkd-cascade',
    version: 1,
    confidence: 'probability',
    stages: [{ model: 'a', threshold: 0.5 }, { url: 'https://host:8080' }],
  }),
  json('run.json', readRunRecord, runRecord),
  json('x.json', (folder) => readJson(join(folder, 'x.json')), { a: [1, { b: 'c' }] }, 'a JSON file'),
  {
    name: 'a prompt memory bank',
    make: async (folder) => {
      const { tower, task } = bankParts();
      const tasks = [task('warm'), task('cold')];
      await saveBank(folder, {
        frozen: tower,
        method: 'bank',
        routing: 'nearest',
        templates: ['{}'],
        tasks,
        shared: {},
      });
      rmSync(join(folder, 'frozen', fileList));
    },
    read: async (folder) => {
      for (const name of ['warm', 'cold']) reseal(join(folder, 'tasks', name));
      const model = await bankModel(await readBank(folder), { threads: 1 });
      await model.encoders?.dispose();
    },
    files: /bank\.json|tasks/,
  },
  {
    name: 'a folder of embeddings',
    make: (folder) => embedDataset(teacher, dataset, { out: folder, modelName: 'x', ...compileOptions, part: 5 }),
    read: async (folder) => {
      const index = await SearchIndex.open(folder);
      const queries = { data: new Float32Array(index.manifest.width).fill(0.1), count: 1, width: index.manifest.width };
      await index.nearest(queries, 3);
    },
    files: /embed\.json|0_000000/,
  },
  {
    name: 'a folder of embeddings in parquet',
    make: (folder) =>
      embedDataset(teacher, dataset, { out: folder, modelName: 'x', format: 'parquet', ...compileOptions, part: 5 }),
    read: async (folder) => {
      await SearchIndex.open(folder);
    },
    files: /0_000000/,
  },
  {
    name: 'a set of jobs',
    make: async (folder) => {
      const set = await createJobSet(folder, [['evaluate', 'x']], 1);
      await writeRecord(set.folder, { job: 1, args: ['evaluate', 'x'], state: 'done', attempts: [], result: { a: 1 } });
    },
    read: async (folder) => {
      const set = await readJobSet(folder);
      jobTable(set, await readRecords(folder), ['a']);
    },
  },
  {
    name: 'a folder of runs',
    make: async (folder) => {
      await put(folder, 'one/run.json', JSON.stringify(runRecord));
      await put(folder, 'one/recipe.yaml', 'seed: 1\n');
      await put(folder, 'one/history.jsonl', [1, 2].map((step) => `${JSON.stringify({ ...entry, step })}\n`).join(''));
    },
    read: async (folder) => {
      const runs = await findRuns(folder, () => {});
      runTable(runs.map(summaryOf));
      await runsReport([join(folder, 'one')]);
    },
  },
  {
    name: 'an event file',
    make: async (folder) => {
      const events = new TensorboardEvents(folder);
      for (const step of [1, 2, 3]) await events.add([{ ...entry, step, seconds: 1 }]);
    },
    read: async (folder) => {
      const four = { ...entry, step: 4, seconds: 1 };
      await new TensorboardEvents(folder).add([four]);
    },
  },
  {
    name: 'a history',
    make: (folder) =>
      put(folder, 'history.jsonl', [1, 2, 3].map((step) => `${JSON.stringify({ ...entry, step })}\n`).join('')),
    read: (folder) => new History(join(folder, 'history.jsonl')),
  },
];

/** The files of a parser's folder that are damaged. */
export function targetsOf(parser: Parser, folder: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return all.filter((name) => statSync(join(folder, name)).isFile() && (parser.files?.test(name) ?? true)).sort();
}

/** A new folder for a parser's files. */
export function folderFor(root: string, parser: Parser): string {
  const folder = join(root, parser.name.replaceAll(' ', '-'));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes a damaged file where it was kept for a look. */
export function keepInput(name: string, bytes: Uint8Array): string {
  const path = join(tmpdir(), `promptkd-fuzz-${name.replaceAll(/[^\w.]/g, '-')}`);
  writeFileSync(path, bytes);
  return path;
}
