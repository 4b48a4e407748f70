import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { clipPreprocess } from '../clip/preprocess/preprocess-config.js';
import { initClip } from '../clip/towers/initialise.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { compileOptions, config, dataset, teacher, tokenizer } from '../test/colours.fixture.js';
import { made } from '../test/finished.fixture.js';
import { type Cvpr2024RunOptions, cvpr2024 } from './cvpr2024.js';
import { type Cvpr2024Recipe, cvpr2024Recipe } from './cvpr2024-recipe.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-cvpr2024-run-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const shape = { ...config, projection_dim: 8 };
const student = { config: shape, params: initClip(shape, 9), preprocess: clipPreprocess(16), tokenizer };

function options(dir: string, distillation: object = {}, more: Partial<Cvpr2024RunOptions> = {}): Cvpr2024RunOptions {
  const recipe = cvpr2024Recipe.parse({
    prompts: { n_ctx: 2, context: '' },
    tuning: { shots: 2, epochs: 3, batch: 4, lr: 0.02, average: { mean: 2 } },
    distillation: {
      ...{ batch: 6, epochs: 15, views: 2, warmup_lr: 1e-3, classes: 'base', targets: 'stored' },
      ...distillation,
    },
  });
  return { teacher, student, dataset, recipe, runDir: join(root, dir), engine: compileOptions, ...more };
}

it('tunes the teacher, then distils: the loss falls, and a run stopped in either stage resumes to the same bits', async () => {
  const losses: number[] = [];
  const outcome = await cvpr2024(
    options('whole', {}, { onProgress: (e) => void (e.phase === 'distillation' && losses.push(e.losses!.total!)) }),
  );
  const whole = made(outcome);
  expect(losses).toHaveLength(15 * 2);
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(-4))).toBeLessThan(0.7 * mean(losses.slice(0, 4)));
  expect(Object.keys(whole.teacher.prompts)).toEqual(['vision.0', 'vision.1', 'text.0', 'text.1']);
  expect(whole.texts.shape).toEqual([5, config.projection_dim]); // the novel class too

  for (const stage of ['tuning', 'distillation']) {
    const controller = new AbortController();
    const stop = (event: { phase: string; step: number }) => {
      if (event.phase === stage && event.step === 4) controller.abort();
    };
    const part = await cvpr2024(options('parts', {}, { signal: controller.signal, onProgress: stop }));
    expect(part.finished).toBe(false);
  }
  const resumed = made(await cvpr2024(options('parts')));
  expect(Math.min(resumed.stageSeconds.tuning, resumed.stageSeconds.distillation)).toBeGreaterThan(0);
  const timeless = { folder: '', seconds: 0, stageSeconds: undefined };
  expect({ ...resumed, ...timeless }).toEqual({ ...whole, ...timeless });
});

it('begins the same in mixed precision, but for rounding, and with recomputation', async () => {
  const first = async (dir: string, engine: Partial<Cvpr2024Recipe>) => {
    const losses = { tuning: [] as number[], distillation: [] as number[] };
    const given = options(dir, { epochs: 1 });
    const tuning = { ...given.recipe.tuning, epochs: 1 }; // at the rate of the first epoch: next to nothing is tuned
    await cvpr2024({
      ...{ ...given, recipe: { ...given.recipe, tuning, ...engine } },
      onProgress: ({ phase, losses: now }) => void (now && losses[phase as keyof typeof losses].push(now.total!)),
    });
    return losses;
  };
  const plain = await first('plain', {});
  const recomputed = await first('recomputed', { recompute: true });
  const mixed = await first('mixed', { precision: 'mixed' });
  // The batch norm divides by how little these few images differ: rounding grows with it.
  const near = { tuning: 0.01, distillation: 0.2 };
  for (const stage of ['tuning', 'distillation'] as const) {
    expect(recomputed[stage][0]! / plain[stage][0]!, stage).toBeCloseTo(1, 4);
    expect(Math.abs(mixed[stage][0]! / plain[stage][0]! - 1), stage).toBeLessThan(near[stage]);
    expect(mixed[stage][0], stage).not.toBe(plain[stage][0]);
  }
});

/** The data with unlabelled images of its novel class beside its training images. */
const halved = (each: number): ImageTextDataset => ({
  ...dataset,
  aside: {
    train: Array.from({ length: each }, (_, i) => ({ id: `gold-${'x'.repeat(i)}`, label: 4, captions: [] })),
  },
});

it('runs with the teacher live, on images and names of all classes, the novel ones without labels', async () => {
  const read: string[] = [];
  const all = halved(6);
  const dataset = {
    ...all,
    load: (example: Example) => {
      read.push(example.id);
      return all.load(example);
    },
  };
  const steps = new Map<string, number>();
  const run = made(
    await cvpr2024(
      options(
        'live',
        { targets: 'live', classes: 'all', epochs: 2 },
        { dataset, onProgress: ({ phase, steps: all }) => void steps.set(phase, all) },
      ),
    ),
  );
  expect(run.student.projector['bn.running_mean']!.data.some((x) => x !== 0)).toBe(true);
  expect(read.filter((id) => id.startsWith('gold')).length).toBeGreaterThan(0);
  // Two labelled images of four base classes; 12 images of base classes and 6 of novel ones in batches of 6.
  expect([steps.get('tuning'), steps.get('distillation')]).toEqual([3 * 2, 2 * 3]);

  read.length = 0;
  await cvpr2024(options('live-base', { targets: 'live', epochs: 1 }, { dataset }));
  expect(read.some((id) => id.startsWith('gold'))).toBe(false);
});

it('refuses all classes where the data has no images of its novel ones to learn from', async () => {
  await expect(cvpr2024(options('no-novel', { classes: 'all' }))).rejects.toThrow(
    /colours: distillation.classes=all: expected images of novel classes in train .* set distillation.classes=base/,
  );
});

it('gives the student prompts of its own depth', async () => {
  const given = options('shallow', { epochs: 1 });
  const recipe = { ...given.recipe, prompts: { ...given.recipe.prompts, student_depth: 1 } };
  const run = made(await cvpr2024({ ...given, recipe }));
  expect(Object.keys(run.student.prompts)).toEqual(['vision.0']);
  expect(Object.keys(run.teacher.prompts)).toEqual(['vision.0', 'vision.1', 'text.0', 'text.1']);
});

it('refuses a batch that the images do not fill', async () => {
  await expect(cvpr2024(options('large', { batch: 13 }))).rejects.toThrow(
    /distillation.batch: expected 2 to 12, the images of colours\/train, got 13/,
  );
});

it('augments by crop and flip alone, whichever of them is set', () => {
  const plain = { rotation: 0, jitter: 0, grayscale: 0, erasing: 0, background: false };
  const cut = { ...plain, interpolation: 'bicubic' };
  expect(cvpr2024Recipe.parse({}).augment).toMatchObject({ ...cut, scale: 0.08, flip: 0.5 });
  expect(cvpr2024Recipe.parse({ augment: { scale: 0.5 } }).augment).toMatchObject({ ...cut, scale: 0.5 });
});

it('is written down as it was published, in both settings', () => {
  const written = (name: string) => cvpr2024Recipe.parse(parse(readFileSync(`recipes/${name}.yaml`, 'utf8')));
  expect(written('cvpr2024')).toEqual(cvpr2024Recipe.parse({}));
  expect(written('cvpr2024-cross')).toEqual(cvpr2024Recipe.parse({ prompts: { student_depth: 3 } }));
  const { tuning } = written('cvpr2024');
  expect([tuning.templates.length, tuning.templates.includes('itap of the {}.')]).toEqual([60, true]);
  // A list as a run writes it down, and names.
  expect(cvpr2024Recipe.parse({ tuning: { templates: tuning.templates } }).tuning).toEqual(tuning);
  const named = { tuning: { templates: 'promptsrc' } };
  expect(() => cvpr2024Recipe.parse(named)).toThrow('a list of templates, or the name of a published ensemble');
});
