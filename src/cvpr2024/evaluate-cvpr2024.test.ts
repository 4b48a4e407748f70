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
import { evaluateBeyond } from './evaluate-beyond.js';
import { type Cvpr2024Measured, evaluateCvpr2024 } from './evaluate-cvpr2024.js';

let runDir = '';
beforeAll(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-evaluate-cvpr2024-'));
});
afterAll(() => rmSync(runDir, { recursive: true }));

const shape = { ...config, projection_dim: 8 };
const student = { ...teacher, config: shape, params: initClip(shape, 9), tokenizer };

/** Data that was not distilled on: the novel colours and one more, by classes, and by captions of them. */
async function beyondColours(measured: Cvpr2024Measured) {
  const ids = (label: number) => Array.from({ length: 6 }, (_, i) => ({ id: `${label}${'y'.repeat(i)}`, label }));
  const classes = [0, 1, 2].map((label) => ({ name: measured.dataset.classes[label]!.name, novel: false }));
  const named = [0, 1, 2].flatMap((label) => ids(label).map((example) => ({ ...example, captions: [] })));
  const other = { ...measured.dataset, name: 'others', classes, splits: { test: named } };
  const [top1] = await evaluateBeyond(measured, other, 'test', compileOptions);
  expect(top1).toMatchObject({ data: 'others', figure: 'top-1' });
  // Known colours by known names: what was learned serves here as well.
  expect(Math.min(top1!.teacher.value, top1!.student.value)).toBeGreaterThan(0.6);

  const said = named.map(({ id, label }) => ({
    id,
    captions: [classes[label]!.name, `${classes[label]!.name} thing`],
  }));
  const load = ({ id }: Example) => measured.dataset.load({ id, label: Number(id[0]), captions: [] });
  const captioned = { ...other, splits: { test: said }, load };
  const found = await evaluateBeyond(measured, captioned, 'test', compileOptions);
  expect(found.map(({ figure }) => figure)).toEqual(['R@1 image → text', 'R@1 text → image']);
  expect(await evaluateBeyond(measured, captioned, 'test', compileOptions, found)).toEqual(found);
  // Six images share each colour and its captions: chance is 2 in 36.
  for (const { teacher } of found) expect(teacher.value).toBeGreaterThan(0);
  const mute = { ...other, splits: { test: [{ id: '0', captions: [] }] } };
  await expect(evaluateBeyond(measured, mute, 'test', compileOptions)).rejects.toThrow('neither classes nor captions');
}

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

  // The student as it came is the same for every seed: its figures are taken over.
  const known = { ...figures.zeroShot, harmonic: 0.123 };
  const again = await evaluateCvpr2024({ run, teacher, student, dataset, recipe }, compileOptions, known);
  expect(again).toEqual({ ...figures, zeroShot: known });

  await beyondColours({ run, teacher, student, dataset, recipe });

  const plain = { ...dataset, classes: dataset.classes.map(({ name }) => ({ name, novel: false })) };
  await expect(
    evaluateCvpr2024({ run: run, teacher, student, dataset: plain, recipe }, compileOptions),
  ).rejects.toThrow(/colours: expected novel classes/);
});
