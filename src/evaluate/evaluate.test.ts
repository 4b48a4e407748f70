import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { visionTower } from '../clip/towers/vision.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { preprocessImage } from '../loader/pixels.js';
import { wilson } from '../math/interval.js';
import { Random } from '../math/random.js';
import { loadTowerModel } from '../model/load.js';
import type { TowerModel } from '../model/model.js';
import { parameterCount } from '../model/weights.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import {
  countParameters,
  deepPrompts,
  initPromptEncoder,
  type PromptEncoderConfig,
  promptedTextTower,
  type SavedPrompts,
  savePrompts,
} from '../prompt/index.js';
import { compile } from '../runtime/program.js';
import { input, type Tensor } from '../tensor/index.js';
import { dataset as colours, teacher } from '../test/colours.fixture.js';
import { embedImages, embedTexts } from './embed.js';
import { evaluateModel } from './evaluate.js';
import { imageLatency } from './latency.js';

const engine = { threads: 1 };
const artists = ['Ann', 'Bob'];
const drawing = (label: number, i: number, kind: string): Example => ({
  id: `${kind}-${label}-${'x'.repeat(i)}`,
  label,
  captions: [`${colours.classes[label]!.name} stripes`, `a ${colours.classes[label]!.name} thing`],
  artist: kind === 'style' ? 'Eve' : artists[i % 2],
});
const drawings = (kind: string, labels: number[], each: number) =>
  labels.flatMap((label) => Array.from({ length: each }, (_, i) => drawing(label, i, kind)));
const dataset: ImageTextDataset = {
  ...colours,
  splits: {
    train: drawings('train', [0, 1, 2, 3], 2),
    // More than one block of 64, and not a multiple of it.
    test: drawings('test', [0, 1, 2, 3], 18),
    novel: drawings('novel', [4], 3),
    style: drawings('style', [0, 1], 2),
    blank: [],
  },
};

const own = ({ templates, weights }: { templates: string[]; weights: number[] }) => ({ templates, weights });

const promptConfig: PromptEncoderConfig = {
  width: 8,
  layers: 1,
  heads: 2,
  intermediate_size: 16,
  vocab_size: teacher.tokenizer.vocabSize,
  max_length: 9,
  n_ctx: 2,
  text_layers: 2,
  vision_layers: 1,
  text_width: 24,
  vision_width: 24,
};
const random = new Random('prompts');
const prompts: SavedPrompts = {
  config: promptConfig,
  // Ten times the usual size, so that prompts matter.
  encoder: Object.fromEntries(
    Object.entries(initPromptEncoder(promptConfig, 3)).map(([name, { shape, data }]) => [
      name,
      { shape, data: name.includes('_heads') ? data.map((x) => 10 * x) : data },
    ]),
  ),
  vision: { 'vision.0': { shape: [2, 24], data: Float32Array.from({ length: 48 }, () => random.normal()) } },
};
const plain: TowerModel = { ...teacher, source: { folder: 'teacher', files: [], bytes: 2 } };
const prompted: TowerModel = { ...plain, prompts };

let folder = '';
afterAll(() => rm(folder, { recursive: true, force: true }));

const unit = (values: Iterable<number>) => {
  const all = [...values];
  const length = Math.hypot(...all);
  return all.map((x) => x / length);
};
const largestDifference = (a: ArrayLike<number>, b: readonly number[]) =>
  Math.max(...b.map((x, i) => Math.abs(x - a[i]!)));

/** One row of one program run, without batches. */
async function alone(output: Tensor, feeds: Parameters<Awaited<ReturnType<typeof compile>>['run']>[0]) {
  const program = await compile({ outputs: { output } }, engine);
  const result = await program.run(feeds);
  await program.dispose();
  return unit(result.output!.data);
}

describe('embedding', () => {
  it.each([
    ['without prompts', plain],
    ['with prompts', prompted],
  ])('gives every image its own row %s', async (_, model) => {
    const { rows, examples, skipped } = await embedImages(model, dataset, dataset.splits.test!, engine);
    expect([rows.count, rows.width, skipped.length]).toEqual([72, 12, 0]);
    const vision = model.prompts?.vision ?? {};
    const output = visionTower(paramInputs(teacher.params), teacher.config, input('pixels', [1, 3, 16, 16]), {
      prompts: deepPrompts(paramInputs(vision), 'vision'),
    }).embed;
    for (const row of [0, 40, 71]) {
      const data = await preprocessImage(await dataset.load(examples[row]!), teacher.preprocess);
      const feeds = { ...paramFeeds(teacher.params), ...paramFeeds(vision), pixels: { shape: [1, 3, 16, 16], data } };
      const expected = await alone(output, feeds);
      expect(largestDifference(rows.data.subarray(row * 12, row * 12 + 12), expected)).toBeLessThan(1e-5);
    }
  });

  it('lets each text make its own prompts, and cuts texts to the room that they leave', async () => {
    const texts = Array.from({ length: 66 }, (_, i) => `${'a thing '.repeat(i % 9)}of ${i % 2 ? 'red' : 'blue'}`);
    const rows = await embedTexts(prompted, texts, engine);
    expect(rows.count).toBe(66);
    for (const row of [0, 8, 65]) {
      const { ids, eos } = teacher.tokenizer.encode([texts[row]!], 9);
      const { embed: output } = promptedTextTower(
        paramInputs(teacher.params),
        teacher.config,
        paramInputs(prompts.encoder, 'e/'),
        promptConfig,
        input('ids', [1, 9], 'int32'),
        input('ends', [1], 'int32'),
      );
      const expected = await alone(output, {
        ...paramFeeds(teacher.params),
        ...paramFeeds(prompts.encoder, 'e/'),
        ids: { shape: [1, 9], data: ids },
        ends: { shape: [1], data: eos },
      });
      expect(largestDifference(rows.data.subarray(row * 12, row * 12 + 12), expected)).toBeLessThan(1e-5);
    }
    const without = await embedTexts(plain, texts.slice(0, 1), engine);
    expect(largestDifference(without.data, [...rows.data.subarray(0, 12)])).toBeGreaterThan(1e-3);
  });

  it('refuses weights that are not numbers', async () => {
    const broken = {
      ...teacher.params,
      'visual_projection.weight': { shape: [12, 24], data: new Float32Array(288).fill(Number.NaN) },
    };
    const model = { ...teacher, params: broken };
    await expect(embedImages(model, dataset, dataset.splits.style!, engine)).rejects.toThrow(/not finite/);
  });
});

describe('evaluateModel', () => {
  it('measures what it is given: three of four labels are made to be the model’s answers', async () => {
    const { predictions } = await evaluateModel(prompted, dataset, { ...engine, latencyRuns: 0 });
    const answers = new Map(predictions.map(({ id, top }) => [id, top]));
    const test = dataset.splits.test!.map((example, i) => ({
      ...example,
      label: answers.get(example.id)![i % 4 === 3 ? 1 : 0]!.label,
    }));
    const phases: string[] = [];
    const evaluation = await evaluateModel(
      prompted,
      { ...dataset, splits: { ...dataset.splits, test } },
      { ...engine, latencyRuns: 3, onProgress: (phase, done, total) => void phases.push(`${phase} ${done}/${total}`) },
    );
    expect(evaluation).toMatchObject({
      data: 'colours',
      split: 'test',
      images: 72,
      classes: 4,
      params: countParameters(teacher.params) + countParameters(prompts.encoder) + 48,
      bytes: 2,
    });
    expect(evaluation.zeroShot!.top1).toEqual(wilson(54, 72));
    expect(evaluation.zeroShot!.top5.value).toBe(1);
    expect(evaluation.baseNovel).toMatchObject({ base: wilson(54, 72), novel: wilson(3, 3) });
    // A bias so low, or so high, that one kind alone is answered: then both are as they are told apart by themselves.
    expect(evaluation.generalized).toMatchObject({ bestSeen: 54 / 72, bestUnseen: 1 });
    expect(evaluation.generalized!.unbiased.seen).toBeLessThanOrEqual(54 / 72);
    expect(evaluation.artists.map(({ artist, images, unseen }) => [artist, images, unseen])).toEqual([
      ['Ann', 36, false],
      ['Bob', 36, false],
      ['Eve', 4, true],
    ]);
    expect(evaluation.artists[0]!.top1).toEqual(wilson(36, 36));
    expect(evaluation.artists[1]!.top1).toEqual(wilson(18, 36));
    expect(evaluation.distinctRetrieval).toMatchObject({ images: 72, texts: 8 });
    // Each image's two captions are texts of their own, and the first of eighteen equal ones is found first.
    expect(evaluation.retrieval).toMatchObject({ images: 72, texts: 144 });
    expect(evaluation.retrieval!.imageToText.r1.value).toBeLessThanOrEqual(8 / 72);
    expect(evaluation.distinctRetrieval!.imageToText.r1.value).toBeGreaterThan(8 / 72);
    expect(evaluation.latency!.p95Ms).toBeGreaterThanOrEqual(evaluation.latency!.medianMs);
    expect(phases).toEqual(['images 64/79', 'images 79/79', 'texts 18/18']);
    expect(evaluation).toMatchObject({ templates: ['a drawing of {}', '{}'], warnings: [] });
    for (const { top } of evaluation.predictions) {
      expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
    }
  });

  it('asks by the class texts that a model was trained with, then by the data’s, and warns where others are given', async () => {
    const training = { images_seen: 1, train_seconds: 1, templates: ['a red {}', '{}'], weights: [3, 1] };
    const trained = { ...plain, training };
    const brief = { ...engine, latencyRuns: 0 };
    expect(await evaluateModel(trained, dataset, brief)).toMatchObject({ ...own(training), warnings: [] });
    const { kind: _, ...unsaid } = dataset;
    expect(await evaluateModel(plain, unsaid, brief)).toMatchObject({ templates: ['a photo of [OBJ]'], warnings: [] });
    const near = await evaluateModel(trained, dataset, { ...brief, templates: ['the red {}.'] });
    expect(near).toMatchObject({ templates: ['the red {}.'], weights: undefined, warnings: [] });
    const far = await evaluateModel(trained, dataset, { ...brief, templates: ['a photo of a {}'] });
    expect(far.warnings).toEqual([
      'the class texts are "a photo of a {}", but the model was trained with "a red {}", "{}": it may know more than these figures say',
    ]);
  });

  it('seeks the class among novel classes for a novel split, and leaves out what a split lacks', async () => {
    const novel = dataset.splits.novel!.map((example) => ({ ...example, captions: [] }));
    const evaluation = await evaluateModel(
      plain,
      { ...dataset, splits: { novel } },
      { ...engine, split: 'novel', latencyRuns: 0 },
    );
    expect(evaluation).toMatchObject({ classes: 1, zeroShot: { top1: { value: 1 } } });
    expect([evaluation.retrieval, evaluation.baseNovel, evaluation.latency]).toEqual([undefined, undefined, undefined]);
  });

  it('measures retrieval alone where no class is known, and refuses images with neither', async () => {
    const unlabelled = (keep: boolean) =>
      dataset.splits.test!.map(({ id, captions }) => ({ id, captions: keep ? captions : [] }));
    const options = { ...engine, latencyRuns: 0 };
    const load = ({ id }: Example) => dataset.load(dataset.splits.test!.find((example) => example.id === id)!);
    const captioned = { ...dataset, load, classes: [], splits: { test: unlabelled(true) } };
    const evaluation = await evaluateModel(plain, captioned, options);
    expect(evaluation).toMatchObject({ images: 72, classes: 0, distinctRetrieval: { images: 72, texts: 8 } });
    expect([evaluation.zeroShot, evaluation.predictions]).toEqual([undefined, []]);
    const bare = { ...captioned, splits: { test: unlabelled(false) } };
    await expect(evaluateModel(plain, bare, options)).rejects.toThrow(
      'colours: the split test has neither classes nor captions to measure by',
    );
  });

  it('measures splits that are joined by a plus sign as one', async () => {
    const of = async (split: string) => (await evaluateModel(plain, dataset, { ...engine, split })).predictions;
    const both = await of('test+train');
    expect(both.map(({ id }) => id)).toEqual([...(await of('test')), ...(await of('train'))].map(({ id }) => id));
  });

  it('counts images that cannot be read, and goes on', async () => {
    const unreadable = (bad: (id: string) => boolean): ImageTextDataset => ({
      ...dataset,
      load: async (example) => {
        if (bad(example.id)) throw new UserError(`${example.id}: broken`);
        return dataset.load(example);
      },
    });
    const whole = await evaluateModel(plain, dataset, { ...engine, latencyRuns: 0 });
    const first = dataset.splits.test![0]!.id;
    const some = await evaluateModel(
      plain,
      unreadable((id) => id === first),
      { ...engine, latencyRuns: 0 },
    );
    expect(some.skipped).toEqual([{ id: first, reason: `${first}: broken` }]);
    expect(some.images).toBe(71);
    expect(some.predictions.map(({ id, top }) => [id, top[0]!.label])).toEqual(
      whole.predictions.slice(1).map(({ id, top }) => [id, top[0]!.label]),
    );
    await expect(
      evaluateModel(
        plain,
        unreadable(() => true),
        engine,
      ),
    ).rejects.toThrow(`colours: no image of the split test can be read; ${first}: ${first}: broken`);
  });

  it.each([
    [{ split: 'tset' }, 'colours: no split tset; it has train, test, novel, style, blank; did you mean test?'],
    [{ split: 'test+tset' }, 'colours: no split tset; it has train, test, novel, style, blank; did you mean test?'],
    [{ split: 'blank' }, 'colours: the split blank is empty; choose another'],
    [{ templates: ['a drawing'] }, 'templates: expected {} or [OBJ] where the class name stands, got "a drawing"'],
    [{ templates: [] }, 'templates: expected at least one, got none'],
  ])('refuses %j', async (options, message) => {
    await expect(evaluateModel(plain, dataset, options)).rejects.toThrow(new UserError(message));
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(evaluateModel(plain, dataset, { ...engine, signal })).rejects.toThrow('enough');
    await expect(imageLatency(plain, { ...engine, signal })).rejects.toThrow('enough');
  });
});

describe('loadModel', () => {
  it('counts towers, prompt encoder and vision prompts, and their bytes on disk', async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-model-'));
    await saveCheckpoint(folder, teacher, { dtype: 'F16' });
    const bare = await loadTowerModel(folder, 'test');
    const towers = countParameters(teacher.params);
    const { size } = await stat(join(folder, 'model.safetensors'));
    expect(bare).toMatchObject({ source: { folder, bytes: size }, prompts: undefined });
    expect(parameterCount(bare)).toBe(towers);
    await savePrompts(folder, prompts);
    const loaded = await loadTowerModel(folder, 'test');
    expect(parameterCount(loaded)).toBe(towers + countParameters(prompts.encoder) + 48);
    expect(loaded.source!.bytes).toBe(size + (await stat(join(folder, 'prompt_encoder.safetensors'))).size);
    expect(loaded.prompts!.vision).toEqual(prompts.vision);
  });
});
