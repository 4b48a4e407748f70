import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { loadTowerModel } from '../model/load.js';
import { parameterCount } from '../model/weights.js';
import { dataset as colours, compileOptions, recipe, teacher } from '../test/colours.fixture.js';
import { made } from '../test/finished.fixture.js';
import type { RunProgress, RunResult } from '../train/index.js';
import { classAttention } from './attention.js';
import { type DemoMade, demo } from './index.js';

const dataset = { ...colours, splits: { train: colours.splits.train!, test: colours.splits.train! } };
/** Two captions an image, each its own. */
const captioned = {
  ...dataset,
  name: 'captioned',
  splits: { test: dataset.splits.test.map((e) => ({ ...e, captions: [`${e.id} of it`, `another of ${e.id}`] })) },
};
let folder = '';
let result: RunResult & DemoMade;
const stages: string[] = [];

const run = (more: { signal?: AbortSignal; onProgress?: (progress: RunProgress) => void } = {}) =>
  demo({
    teacher: join(folder, 'teacher'),
    dataset,
    captions: captioned,
    recipe: recipe({ seed: 3 }),
    runDir: join(folder, 'run'),
    engine: compileOptions,
    onMessage: (message) => stages.push(message),
    ...more,
  });

describe('demo', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'promptkd-demo-'));
    await saveCheckpoint(join(folder, 'teacher'), teacher);
    // Stopped once on the way: what comes out is what the second sitting ends with.
    const controller = new AbortController();
    let steps = 0;
    const stopped = await run({
      signal: controller.signal,
      onProgress: ({ losses }) => void (losses && ++steps === 6 && controller.abort(new Error('stopped'))),
    });
    expect(stopped).toMatchObject({ finished: false, steps: 6 });
    result = made(await run());
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('measures teacher and students under the same number of images', () => {
    const { teacher: t, kd, promptkd } = result.metrics;
    expect(promptkd.images_seen).toBe(12 * 6);
    expect(kd.images_seen).toBe(promptkd.images_seen);
    expect(t.params).toBeGreaterThan(promptkd.params);
    for (const m of [t, kd, promptkd]) {
      for (const share of [m.top1, m.top5, m.r1_image_to_text, m.r1_text_to_image]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }
      expect(m.latency_ms).toBeGreaterThan(0);
      expect(m.bytes).toBeGreaterThan(m.params);
    }
    expect(result.metrics.data).toMatchObject({ name: dataset.name, captions: 'captioned' });
    // Two of twice as many captions belong to an image.
    expect(result.chance.r1ImageToText).toBeCloseTo(1 / dataset.splits.test.length);
    expect(JSON.parse(readFileSync(join(folder, 'run', 'metrics.json'), 'utf8'))).toEqual(result.metrics);
  });

  it('exports the student it measured', async () => {
    const trained = await loadCheckpoint(join(folder, 'run', 'promptkd', 'student'));
    const exported = await loadTowerModel(result.folder, 'test');
    expect(exported.params).toEqual(trained.params);
    expect(exported.prompts).toBeDefined();
    expect(parameterCount(exported)).toBe(result.metrics.promptkd.params);
    for (const file of ['vision_model.onnx', 'text_model.onnx'])
      expect(existsSync(join(result.folder, 'onnx', file))).toBe(true);
    expect(result.metrics.export_difference).toBeLessThan(1e-4);
  });

  it('shows curves, answers and attention in the report', () => {
    const html = readFileSync(result.report, 'utf8');
    for (const text of ['Feature alignment', 'Cross-modal attention', 'Plain KD', 'PromptKD', 'Teacher', 'batch: 6'])
      expect(html).toContain(text);
    expect(html.match(/<li class="example">/g)).toHaveLength(12);
  });

  it.each([
    [
      'dataset',
      { ...dataset, splits: { ...dataset.splits, test: [{ id: 'a', captions: ['a red square'] }] } },
      'class',
    ],
    ['captions', { ...captioned, splits: { test: [{ id: 'a', captions: [] }] } }, 'captions'],
  ])('says before it trains what could not be measured: %s', async (field, data, missing) => {
    const runDir = join(folder, `without-${field}`);
    await expect(
      demo({
        teacher: join(folder, 'teacher'),
        dataset,
        recipe: recipe({}),
        runDir,
        engine: compileOptions,
        [field]: data,
      }),
    ).rejects.toThrow(missing);
    expect(existsSync(join(runDir, 'promptkd'))).toBe(false);
  });

  it('goes through its stages', () => {
    expect([...new Set(stages)]).toEqual([
      'Reading the teacher',
      'Distilling: PromptKD',
      'Distilling: Plain KD',
      'Measuring the models',
      'Exporting the student',
      'Drawing the report',
    ]);
  });

  it('gives attention that is a distribution but for the class token itself', async () => {
    const model = await loadTowerModel(result.folder, 'test');
    const image = await dataset.load(dataset.splits.test[0]!);
    const { grid, maps } = await classAttention(model, [image, image], compileOptions);
    expect(grid).toEqual([2, 2]);
    expect(maps).toHaveLength(2);
    const sum = maps[0]!.reduce((a, b) => a + b, 0);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(1);
    expect(maps[0]).toEqual(maps[1]);
  });
});
