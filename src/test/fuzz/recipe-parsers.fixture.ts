import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { continueRecipe } from '../../continual/recipe.js';
import { continualRecipe } from '../../continual/sequence-recipe.js';
import { cvpr2024Recipe } from '../../cvpr2024/index.js';
import { distillRecipe } from '../../distill/recipe.js';
import { loadRecipe } from '../../files/recipe-file.js';
import { pretrainRecipe } from '../../pretrain/pretrain-recipe.js';
import { readPromptSet } from '../../prompt/templates/prompt-set.js';
import { parseSweep, readSweep, runSweep } from '../../sweep/index.js';
import { firstCalls } from '../../sweep/sweep-plan.js';
import { defectsRecipe } from '../../tasks/defects/defects-recipe.js';
import { reportIndexRecipe } from '../../tasks/medical-report/train/index-recipe.js';
import { vqaRecipe } from '../../tasks/vqa/index.js';
import { tunePromptsRecipe } from '../../tune-prompts/tune-prompts-recipe.js';
import { put } from '../images.fixture.js';
import type { Parser } from './parsers.fixture.js';

const recipe = (name: string, schema: z.ZodObject, given: object = {}): Parser => ({
  name: `a recipe of ${name}`,
  make: (folder) => put(folder, 'recipe.yaml', stringify(schema.parse(given))),
  read: (folder) => loadRecipe(schema, { file: join(folder, 'recipe.yaml') }),
});

const sweep = {
  ...{ call: 'pretrain --data emoji', search: 'random', trials: 3, seeds: [1, 2] },
  fields: { 'optimizer.lr': { min: 1e-4, max: 1e-2, scale: 'log' }, batch: [32, 64] },
  halving: { field: 'steps', from: 10, to: 90 },
};
const stopped = new AbortController();
stopped.abort();

/** Recipes of all commands, and what else people write by hand. */
export const recipeParsers: readonly Parser[] = [
  recipe('distill', distillRecipe),
  recipe('cvpr2024', cvpr2024Recipe),
  recipe('pretrain', pretrainRecipe),
  recipe('tune-prompts', tunePromptsRecipe),
  recipe('continue', continueRecipe),
  recipe('continual', continualRecipe, {
    tasks: [
      { name: 'a', classes: ['x'] },
      { name: 'b', classes: ['y'] },
    ],
  }),
  recipe('vqa train', vqaRecipe),
  recipe('defects fit', defectsRecipe),
  recipe('medical-report index', reportIndexRecipe),
  {
    name: 'a sweep',
    make: (folder) => put(folder, 'sweep.yaml', stringify(sweep)),
    read: async (folder) => firstCalls(await readSweep(join(folder, 'sweep.yaml')), folder),
  },
  {
    name: 'the state of a sweep',
    make: (folder) => sweepOnce(folder),
    read: sweepOnce,
    files: /sweep\.json|jobs\.json/,
  },
  {
    name: 'templates with weights',
    make: (folder) =>
      put(
        folder,
        'prompts.json',
        JSON.stringify({ format: 'promptkd-prompts', version: 1, prompts: [{ template: 'a {}', weight: 2 }] }),
      ),
    read: (folder) => readPromptSet(join(folder, 'prompts.json')),
  },
];

/** Its first rung, of which no job is run. */
async function sweepOnce(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const run = async () => ({ total: 0, done: 0, failed: 0, running: 0, waiting: 0 });
  await runSweep(parseSweep(sweep, 'sweep.yaml'), { folder, run, signal: stopped.signal });
}
