import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readJson, readSafetensors, writeSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import { OnnxFile } from '../../runtime/index.js';
import {
  evaluateVqa,
  exportVqa,
  loadVqaHead,
  type TrainVqaResult,
  trainVqa,
  VqaAsker,
  vqaRecipe,
  withAnswers,
} from './index.js';
import { tinyModel, tinyVqa } from './tiny-vqa.fixture.js';

const data = tinyVqa();
const model = tinyModel();
const recipe = (fields: object = {}) =>
  vqaRecipe.parse({
    ...{ steps: 40, batch: 12, lr: 0.03, warmup_steps: 5, answers: { min_count: 1 } },
    ...{ head: { width: 16, layers: 1, heads: 2, intermediate_size: 16, vision_layer: 2 }, evaluation: { every: 40 } },
    ...fields,
  });
let root = '';
let trained: TrainVqaResult;
const path = (name: string) => join(root, name);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-vqa-'));
  vi.stubEnv('PROMPTKD_CACHE', path('cache'));
  trained = await trainVqa({ model, data, recipe: recipe(), runDir: path('run') });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const png = (background: string) =>
  sharp({ create: { width: 8, height: 8, channels: 3, background } })
    .png()
    .toBuffer();

describe('a VQA head', () => {
  it('learns to answer from the image, where a blind one cannot', async () => {
    const blind = await trainVqa({ model, data, recipe: recipe({ blind: true }), runDir: path('blind') });
    const found = await evaluateVqa(model, data, {
      head: loadVqaHead(path('run')),
      blind: loadVqaHead(blind.folder),
      zeroShot: true,
    });
    expect(trained).toMatchObject({ finished: true, answers: 5, questions: 12, outside: 0, unreadable: 0 });
    expect(found.head!.overall).toBeGreaterThan(90);
    // Answers are balanced: a third of the colours, half of the places.
    expect(found.blind!.overall).toBeLessThan(55);
    expect(found.prior.byQuestionType).toEqual({ colour: 33.33, left: 50 });
    expect(Object.keys(found.zeroShot!.byQuestionType)).toEqual(['colour', 'left']);
    expect(found.answers).toHaveLength(12);
  });

  it('is refused where its weights are not those of its sizes', async () => {
    const [config, weights] = [path('odd/vqa_head.json'), path('odd/vqa_head.safetensors')];
    const write = async (change: (about: Record<string, unknown>, tensors: Params) => void) => {
      await cp(trained.folder, path('odd'), { recursive: true });
      const { tensors } = readSafetensors(weights);
      const about = (await readJson(config)) as Record<string, unknown>;
      change(about, tensors);
      await writeFile(config, JSON.stringify(about));
      await writeSafetensors(weights, tensors, { checksum: true });
    };
    const { data: numbers } = readSafetensors(join(trained.folder, 'vqa_head.safetensors')).tensors[
      'head.pool.word.bias'
    ]!;
    await write((_, tensors) => Object.assign(tensors, { 'head.pool.word.bias': { shape: [1, 1], data: numbers } }));
    expect(() => loadVqaHead(path('odd'))).toThrow('head.pool.word.bias: expected numbers [1], got [1, 1]');
    await write((about) => Object.assign(about, { width: 1e9 }));
    expect(() => loadVqaHead(path('odd'))).toThrow('expected numbers [1000000000');
    await write((about) => Object.assign(about, { heads: 3 }));
    expect(() => loadVqaHead(path('odd'))).toThrow('heads: expected a divisor of the width 16, got 3');
  });

  it('imitates the same head on a teacher, by logits and attention maps', async () => {
    const large = tinyModel(2, 24);
    const short = recipe({ steps: 12, losses: { attention: 1000 }, evaluation: { every: 0 } });
    const first = await trainVqa({ model: large, data, recipe: short, runDir: path('teacher') });
    const losses: Record<string, number>[] = [];
    const distilled = (runDir: string, stop?: AbortController) =>
      trainVqa({
        ...{ model, data, recipe: short, runDir: path(runDir), signal: stop?.signal },
        teacher: { model: large, head: loadVqaHead(first.folder) },
        onProgress: ({ losses: of, overall }) => {
          if (of) losses.push({ ...of });
          if (overall === 5) stop?.abort();
        },
      });
    await distilled('student');
    for (const name of ['logits', 'attention']) expect(losses.at(-1)![name]).toBeLessThan(losses[0]![name]!);
    // Stopped and resumed, it ends with the same bits.
    expect((await distilled('stopped', new AbortController())).finished).toBe(false);
    await distilled('stopped');
    expect(loadVqaHead(path('stopped'))).toEqual(loadVqaHead(path('student')));
    await expect(
      trainVqa({
        model,
        data,
        recipe: recipe(),
        runDir: path('no'),
        teacher: { model, head: loadVqaHead(first.folder) },
      }),
    ).rejects.toThrow(/teacher's head: expected the model that it was trained on/);
  });

  it('answers as exported, keeps image features, and chooses among answers', async () => {
    const head = loadVqaHead(path('run'));
    const asker = await VqaAsker.open(model, head);
    const image = await png('#dc1e1e');
    const once = await asker.ask(image, { question: 'what colour?', answers: ['red', 'blue'] });
    const again = await asker.ask(image, { question: 'is it left?', top: 2 });
    expect([once.cached, again.cached, again.top.length, once.top.length]).toEqual([false, true, 2, 2]);
    for (const [asked, message] of [
      [{ question: '  ' }, /question: expected some words, got an empty one/],
      [{ question: 'x'.repeat(10_000) }, /question: expected at most 1000 characters, got 10000/],
      [
        { question: 'what colour?', answers: ['redd'] },
        /answers: expected some of the head's 5 answers, got "redd"; did you mean red\?/,
      ],
    ] as const) {
      await expect(asker.ask(image, asked)).rejects.toThrow(message);
    }
    await expect(asker.ask(Buffer.from('no image'), { question: 'what colour?' })).rejects.toThrow(/image/);
    await asker.close();

    const exported = await exportVqa(model, head, path('exported'));
    expect(exported.difference).toBeLessThan(1e-4);
    for (const dtype of ['fp32', 'q8', 'q4'] as const) {
      const folder = path(`exported-${dtype}`);
      expect((await exportVqa(model, head, folder, dtype)).difference).toBeLessThan(1e-4);
      const apart = await VqaAsker.fromExport(folder);
      const { answer, confidence } = await apart.ask(image, { question: 'what colour?' });
      if (dtype !== 'q4') expect(answer).toBe('red');
      expect(confidence).toBeGreaterThan(0);
      await apart.close();
    }
    const files = await Promise.all(
      ['vqa_vision', 'vqa_head'].map((name) => OnnxFile.open(path(`exported/onnx/${name}.onnx`))),
    );
    expect(files.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
      [['pixel_values'], ['patch_tokens']],
      [['patch_tokens', 'input_ids'], ['logits']],
    ]);
    for (const file of files) await file.dispose();
  });

  it('counts its parameters', () => {
    const { params } = loadVqaHead(path('run'));
    const numbers = Object.values(params).reduce((sum, { data: { length } }) => sum + length, 0);
    expect(trained.parameters).toBe(numbers + trained.answers);
  });

  it('takes answers that it was not trained on', async () => {
    const head = await withAnswers(loadVqaHead(path('run')), model, ['many', 'red']);
    expect(head.answers).toHaveLength(6);
    expect(head.directions.shape).toEqual([6, 16]);
    const asker = await VqaAsker.open(model, head);
    const { top } = await asker.ask(await png('#1e1edc'), { question: 'how many things?', answers: ['many', 'red'] });
    expect(top.map(({ answer }) => answer).sort()).toEqual(['many', 'red']);
    await asker.close();
  });

  it('refuses another student, a broken folder, splits that are not there, and heads that are too large', async () => {
    const other = tinyModel(3);
    const head = loadVqaHead(path('run'));
    await expect(VqaAsker.open(other, head)).rejects.toThrow(
      /the head: expected the model that it was trained on, .* got a model/,
    );
    await expect(exportVqa(other, head, path('x'))).rejects.toThrow(/vqa train/);
    await expect(evaluateVqa(model, data, { head, split: 'dev' })).rejects.toThrow(/one of train, val, test, got dev/);
    expect(() => loadVqaHead(path('cache'))).toThrow(/expected the folder of a VQA head/);
    await expect(
      trainVqa({
        model,
        data,
        recipe: recipe({ head: { width: 1024, heads: 2, intermediate_size: 4096 } }),
        runDir: path('large'),
      }),
    ).rejects.toThrow(/expected at most 5000000 parameters/);
    await expect(
      trainVqa({ model, data, recipe: recipe({ answers: { min_count: 50 } }), runDir: path('none') }),
    ).rejects.toThrow(/answers.min_count: expected at least two answers of 50 questions/);
    const secret = { ...data, splits: { train: data.splits.train!.map((one) => ({ ...one, answers: [] })) } };
    await expect(trainVqa({ model, data: secret, recipe: recipe(), runDir: path('secret') })).rejects.toThrow(
      /kept secret/,
    );
    await writeFile(path('vqa_head.json'), '{}');
    expect(() => loadVqaHead(root)).toThrow(/vqa_head.json: kind: expected/);
  });
});
