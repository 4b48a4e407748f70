import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { dataset as colours, compileOptions, config, teacher, tokenizer } from '../test/colours.fixture.js';
import { made } from '../test/finished.fixture.js';
import { cvpr2024 } from './cvpr2024.js';
import { cvpr2024Recipe } from './cvpr2024-recipe.js';
import { evaluateCvpr2024 } from './evaluate-cvpr2024.js';

let runDir = '';
beforeAll(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-evaluate-cvpr2024-'));
});
afterAll(() => rmSync(runDir, { recursive: true }));

const shape = { ...config, projection_dim: 8 };
const student = { ...teacher, config: shape, params: initClip(shape, 9), tokenizer };

it('measures student and teacher on base and novel classes', async () => {
  const picked = (labels: readonly number[], from: number, to: number): Example[] =>
    labels.flatMap((label) =>
      Array.from({ length: to - from }, (_, i) => ({ id: `${label}${'x'.repeat(from + i)}`, label, captions: [] })),
    );
  const dataset: ImageTextDataset = {
    ...colours,
    classes: colours.classes.map(({ name }, label) => ({ name, novel: label > 2 })),
    splits: { train: picked([0, 1, 2], 0, 12), test: picked([0, 1, 2], 12, 18), novel: picked([3, 4], 0, 6) },
  };
  const recipe = cvpr2024Recipe.parse({
    prompts: { n_ctx: 2, context: '' },
    tuning: { epochs: 10, lr: 0.02, batch: 6, average: { mean: 8 }, templates: ['a drawing of {}', '{}'] },
    distillation: { batch: 6, epochs: 12, warmup_lr: 1e-3, classes: 'base', targets: 'stored' },
    augment: { scale: 0.5 },
  });
  const run = made(await cvpr2024({ teacher, student, dataset, recipe, runDir, engine: compileOptions }));
  const figures = await evaluateCvpr2024({ run: run, teacher, student, dataset, recipe }, compileOptions);
  // Models of random weights guess; few labels teach the teacher's prompts, and no labels hand it on to the student.
  const [before, taught, learned] = [figures.zeroShot.base, figures.teacher.base, figures.student.base];
  expect(before.value).toBeLessThan(0.5);
  expect(taught.value).toBeGreaterThan(0.6);
  expect(Math.abs(learned.value - taught.value)).toBeLessThan(0.15);
  for (const { base, novel, harmonic } of Object.values(figures)) {
    expect(harmonic).toBeCloseTo((2 * base.value * novel.value) / (base.value + novel.value));
  }

  const plain = { ...dataset, classes: dataset.classes.map(({ name }) => ({ name, novel: false })) };
  await expect(
    evaluateCvpr2024({ run: run, teacher, student, dataset: plain, recipe }, compileOptions),
  ).rejects.toThrow(/colours: expected novel classes/);
});
