import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exportBank } from '../compress/index.js';
import { BusyError, UserError } from '../errors.js';
import { embedImages, embedTexts } from '../evaluate/index.js';
import { dots, Random, type Rows, selectRows, toUnitRows } from '../math/index.js';
import { loadModel, logitFactor, type Model } from '../model/index.js';
import { LocalEncoder } from '../serve/encoder/index.js';
import { compileOptions, dataset, teacher as student } from '../test/colours.fixture.js';
import { type Bank, type BankTask, bankModel, changingBank, initTaskPrompts, readBank, saveBank } from './index.js';

const names = ['red', 'green', 'blue', 'grey'];
const examples = dataset.splits.train!;
let root = '';
let bank: Bank;
let plain: { images: Rows; texts: Rows };

const tensor = ({ data, count, width }: Rows) => ({ shape: [count, width], data });

/** A task about some images, with prompts by lot; its thresholds let half of its own images through. */
function task(name: string, images: readonly number[], classes: readonly number[], threshold: number): BankTask {
  const prompts = initTaskPrompts(student, { n_ctx: 2, depth: 2 }, name.length);
  const random = new Random(name);
  for (const { data } of Object.values(prompts)) for (let i = 0; i < data.length; i++) data[i] = random.normal();
  const keys = {
    centroids: tensor(selectRows(plain.images, images)),
    texts: tensor(selectRows(plain.texts, classes)),
    threshold: { image: threshold, text: -1 },
  };
  const data = { name: 'colours', fingerprint: 'colours-1' };
  return { name, classes: classes.map((c) => names[c]!), data, steps: 1, seconds: 0, prompts, keys };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-bank-'));
  plain = {
    images: (await embedImages(student, dataset, examples, compileOptions)).rows,
    texts: await embedTexts(student, names, compileOptions),
  };
  const tasks = [task('warm', [0, 3], [0, 1], 0.9999), task('cold', [6, 7], [2, 3], 0.9999)];
  bank = { frozen: student, method: 'bank', routing: 'nearest', templates: ['{}'], tasks, shared: {} };
});
afterAll(() => rm(root, { recursive: true }));

/** By the formula, one image after another. */
function routedByHand(image: number): number {
  const factor = logitFactor(student);
  const scores = bank.tasks.map(({ keys }) => {
    const of = ({ shape, data }: BankTask['keys']['texts']) => [
      ...dots(plain.images, image, { data, count: shape[0]!, width: shape[1]! }, new Float64Array(shape[0]!)),
    ];
    const nearest = Math.max(...of(keys.centroids));
    if (nearest < keys.threshold.image) return Number.NEGATIVE_INFINITY;
    return factor * nearest + Math.log(of(keys.texts).reduce((sum, cosine) => sum + Math.exp(factor * cosine), 0));
  });
  const best = Math.max(...scores);
  return best === Number.NEGATIVE_INFINITY ? bank.tasks.length : scores.indexOf(best);
}

const blockOf = (rows: Rows, row: number) =>
  Math.floor([...rows.data.subarray(row * rows.width, (row + 1) * rows.width)].findIndex((value) => value !== 0) / 12);

async function both(model: Model) {
  const images = (await embedImages(model, dataset, examples, compileOptions)).rows;
  const texts = await embedTexts(model, names, compileOptions);
  await model.encoders?.dispose();
  return { images, texts };
}

it('routes as the formula says, and answers as the plain student where no task is recognised', async () => {
  const { images, texts } = await both(await bankModel(bank, compileOptions));
  expect([images.width, texts.width]).toEqual([36, 36]);
  const taken = examples.map((_, image) => blockOf(images, image));
  expect(taken).toEqual(examples.map((_, image) => routedByHand(image)));
  expect(new Set(taken)).toEqual(new Set([0, 1, 2]));
  for (const [image, place] of taken.entries()) {
    if (place !== 2) continue;
    const wide = [...dots(images, image, texts, new Float64Array(4))];
    const alone = dots(plain.images, image, plain.texts, new Float64Array(4));
    for (const [c, cosine] of wide.entries()) expect(cosine * Math.sqrt(3)).toBeCloseTo(alone[c]!, 4);
  }
});

it('is exported with its routing, and served from its folder and from the export', async () => {
  const { images, texts } = await both(await bankModel(bank, compileOptions));
  const { files, maxDifference } = await exportBank({ bank, out: join(root, 'exported') });
  expect(maxDifference).toBeLessThan(1e-4);
  expect(files).toEqual(expect.arrayContaining(['onnx/vision_model.onnx', 'classifier.safetensors', 'README.md']));
  const exported = await loadModel(join(root, 'exported'), compileOptions);
  expect(exported.classes!.names).toEqual(names);
  expect(logitFactor(exported)).toBeCloseTo(logitFactor(student) * Math.sqrt(3), 4);
  const again = await both(exported);
  const close = (a: Rows, b: Rows) => {
    expect(a.count).toBe(b.count);
    for (const [i, value] of a.data.entries()) expect(value).toBeCloseTo(b.data[i]!, 4);
  };
  close(again.images, images);
  close(again.texts, toUnitRows(texts));

  await saveBank(join(root, 'bank'), bank);
  for (const folder of ['bank', 'exported']) {
    const encoder = await LocalEncoder.open(join(root, folder), compileOptions);
    expect(encoder.info.width).toBe(36);
    const decoded = await Promise.all(examples.map((example) => dataset.load(example)));
    const { rows } = await encoder.images(decoded);
    close(rows, images);
    close(await encoder.texts(names), texts);
    await encoder.close();
  }
});

it('of a stranger, whose parts do not fit its student, is refused', async () => {
  const folder = join(root, 'strange');
  const [warm, cold] = bank.tasks as [BankTask, BankTask];
  const wide = { shape: [1, 99], data: new Float32Array(99) };
  const flat = { shape: [2, 3], data: new Float32Array(6) };
  const fisher = { 'text_model.final_layer_norm.weight': flat };
  for (const [strange, said] of [
    [
      { tasks: [{ ...warm, keys: { ...warm.keys, centroids: wide } }] },
      'keys.centroids: expected [any, 12], got [1, 99]',
    ],
    [{ tasks: [{ ...warm, classes: ['red'] }] }, 'keys.texts: expected [1, 12], got [2, 12]'],
    [{ tasks: [{ ...warm, prompts: { ...warm.prompts, 'vision.77': flat } }] }, 'got vision.77'],
    [{ tasks: [{ ...warm, prompts: { ...warm.prompts, 'text.0': flat } }] }, 'prompts.text.0: expected'],
    [{ tasks: [warm, { ...cold, prompts: {} }] }, 'expected those of all tasks in one shape'],
    [{ tasks: [{ ...warm, replay: { side: 9, labels: [0, 7], pixels: new Uint8Array(486) } }] }, 'labels below 2'],
    [{ shared: { 'text_model.nothing': flat } }, 'text_model.nothing: expected weights of the student'],
    [{ anchor: { fisher, values: fisher } }, 'text_model.final_layer_norm.weight: expected ['],
  ] as [Partial<Bank>, string][]) {
    await rm(folder, { recursive: true, force: true });
    await saveBank(folder, { ...bank, ...strange });
    await expect(readBank(folder), said).rejects.toThrow(said);
    await expect(readBank(folder), said).rejects.toBeInstanceOf(UserError);
  }
  await saveBank(join(root, 'led-out'), bank);
  const list = join(root, 'led-out', 'bank.json');
  const content = JSON.parse(await readFile(list, 'utf8'));
  for (const more of [{ shared: '../../shared.safetensors' }, { tasks: ['../warm'] }, { tasks: ['warm', 'warm'] }]) {
    await writeFile(list, JSON.stringify({ ...content, ...more }));
    await expect(readBank(join(root, 'led-out'))).rejects.toBeInstanceOf(UserError);
  }
});

it('is changed by one process at a time', async () => {
  const folder = join(root, 'changed');
  const second = await changingBank(folder, () =>
    changingBank(folder, async () => 'in').catch((error: Error) => error),
  );
  expect(second).toBeInstanceOf(BusyError);
  expect(await changingBank(folder, async () => 'in')).toBe('in');
});
