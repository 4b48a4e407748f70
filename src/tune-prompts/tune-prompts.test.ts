import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPrompts } from '../prompt/index.js';
import { compileOptions, dataset, teacher } from '../test/colours.fixture.js';
import type { TunePromptsOptions } from './prepare-tuning.js';
import { pseudoLabels } from './pseudo-labels.js';
import { tunePrompts } from './tune-prompts.js';
import { tunePromptsRecipe } from './tune-prompts-recipe.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-tune-prompts-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const recipe = (more: object = {}) =>
  tunePromptsRecipe.parse({
    batch: 6,
    steps: 12,
    warmup_steps: 0,
    lr: 0.01,
    prompts: { width: 8, heads: 2, intermediate_size: 16 },
    checkpoint_every: 4,
    ...more,
  });
const run = (name: string, more: object = {}, options: Partial<TunePromptsOptions> = {}) =>
  tunePrompts({
    ...{ model: teacher, dataset, recipe: recipe(more), runDir: join(root, name), engine: compileOptions },
    ...options,
  });

describe('pseudo-labels', () => {
  // A model that favours class 0: before correction it takes all four images for it.
  const logits = Float32Array.from(
    [
      [4, 1],
      [4, 1],
      [3, 2.5],
      [3, 2.6],
    ].flat(),
  );

  it('hold back a class that the model favours', () => {
    expect(pseudoLabels(logits, 2, { threshold: 0, perClass: 9 }).map(({ label }) => label)).toEqual([0, 0, 1, 1]);
  });

  it('are only those that are sure, and the surest of each class', () => {
    const all = pseudoLabels(logits, 2, { threshold: 0, perClass: 9 });
    const lowest = Math.min(...all.map(({ confidence }) => confidence));
    expect(pseudoLabels(logits, 2, { threshold: lowest, perClass: 9 })).toHaveLength(3);
    const one = pseudoLabels(logits, 2, { threshold: 0, perClass: 1 });
    expect(one.map(({ image, label }) => [image, label])).toEqual([
      [0, 0],
      [3, 1],
    ]);
    expect(pseudoLabels(logits, 2, { threshold: 1, perClass: 1 })).toEqual([]);
  });
});

it('learns from labels, changes nothing but the prompts, and a stopped run ends with the same bits', async () => {
  const losses: number[] = [];
  const before = structuredClone(teacher.params);
  const whole = await run('whole', {}, { onProgress: ({ losses: l }) => void (l && losses.push(l.cross_entropy!)) });
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(-4))).toBeLessThan(0.9 * mean(losses.slice(0, 2)));
  expect(teacher.params).toEqual(before);
  expect(whole.labelled).toEqual({ images: 12, classes: 4 });
  expect(await loadPrompts(whole.folder)).toMatchObject({ config: { n_ctx: 2, vision_layers: 2 } });

  const stop = new AbortController();
  const onProgress = ({ step }: { step: number }) => void (step === 5 && stop.abort());
  expect((await run('stopped', {}, { signal: stop.signal, onProgress })).finished).toBe(false);
  const resumed = await run('stopped');
  expect(resumed.prompts).toEqual(whole.prompts);
});

it('begins the same in mixed precision, but for rounding, and with recomputation', async () => {
  const first = async (name: string, engine: object) => {
    const totals: number[] = [];
    await run(
      name,
      { steps: 1, ...engine },
      { onProgress: ({ losses }) => void (losses && totals.push(losses.total!)) },
    );
    return totals[0]!;
  };
  const plain = await first('plain', {});
  expect((await first('recomputed', { recompute: true })) / plain).toBeCloseTo(1, 4);
  const mixed = await first('mixed', { precision: 'mixed' });
  expect(Math.abs(mixed / plain - 1)).toBeLessThan(0.02);
  expect(mixed).not.toBe(plain);
});

it('learns without labels: they are not looked at', async () => {
  const blind = {
    ...dataset,
    load: async ({ id }: { id: string }) => dataset.load(dataset.splits.train!.find((one) => one.id === id)!),
    splits: { train: dataset.splits.train!.map(({ id }) => ({ id, captions: [] })) },
  };
  const options = { unlabelled: true, pseudo: { threshold: 0.2 }, steps: 3 };
  const unlabelled = await run('unlabelled', options, { dataset: blind });
  const labelled = await run('labels-there', options);
  expect(unlabelled.prompts).toEqual(labelled.prompts);
  const said: string[] = [];
  const untold = await run(
    'untold',
    { ...options, unlabelled: false },
    { dataset: blind, onMessage: (text) => void said.push(text) },
  );
  expect([untold.prompts, said.join()]).toEqual([unlabelled.prompts, expect.stringContaining('has no labels')]);
  expect(unlabelled.pseudoAccuracy).toBeUndefined();
  expect(labelled.pseudoAccuracy).toBeGreaterThanOrEqual(0);
  expect(unlabelled.labelled.images).toBeGreaterThan(0);
  const captioned = { dataset: { ...blind, classes: [] } };
  await expect(run('captions', options, captioned)).rejects.toThrow(/for captions alone there is search-prompts/);
});

it.each([
  [{ batch: 13 }, /batch: 13 is more than the 12 images of colours\/train/],
  [{ unlabelled: true, pseudo: { threshold: 0.999 } }, /pseudo.threshold: none of the 12 images is taken for a class/],
  [{ prompts: { n_ctx: 30 } }, /prompts.n_ctx: 30 prompts leave no room for a text .* expected at most \d+$/],
  [{ classes_per_step: 3 }, /classes_per_step: expected room for the labels of a batch, 6, got 3/],
])('refuses %j', async (more, message) => {
  await expect(run('refused', more)).rejects.toThrow(message);
});
