import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clipPreprocess } from '../clip/preprocess/preprocess-config.js';
import { initClip } from '../clip/towers/initialise.js';
import { labelledOf } from '../data/index.js';
import { ViewBatches } from '../loader/view-batches.js';
import { Random } from '../math/random.js';
import { initTeacherPrompts, promptedTexts } from '../model/teacher-prompts.js';
import { initVisualStudent } from '../model/visual-student.js';
import { initPromptEncoder } from '../prompt/index.js';
import { promptConfig } from '../prompt/prompts-recipe.js';
import type { CompileOptions } from '../runtime/program.js';
import { elements } from '../tensor/index.js';
import { compileOptions, dataset, recipe, tokenizer } from '../test/colours.fixture.js';
import { built, expectSameStep, fourHeads } from '../test/ranks.fixture.js';

import { openSteps, type Step } from '../test/training.fixture.js';
import type { RunProgress } from '../train/index.js';
import type { Task } from '../train/task.js';

import { tunePromptsRecipe } from '../tune-prompts/tune-prompts-recipe.js';
import { cvpr2024Recipe } from './cvpr2024-recipe.js';

let gradients: typeof import('../train/step-gradients.js');
let cvpr2024: typeof import('./cvpr2024.js');
let cvpr2024Tasks: typeof import('./cvpr2024-task.js');
let teacherTasks: typeof import('./teacher-prompts-task.js');
let tunePrompts: typeof import('../tune-prompts/tune-prompts.js');
let tuneTasks: typeof import('../tune-prompts/tune-prompts-task.js');

let root = '';
beforeAll(async () => {
  gradients = await built('train/step-gradients.js');
  cvpr2024 = await built('cvpr2024/cvpr2024.js');
  cvpr2024Tasks = await built('cvpr2024/cvpr2024-task.js');
  teacherTasks = await built('cvpr2024/teacher-prompts-task.js');
  tunePrompts = await built('tune-prompts/tune-prompts.js');
  tuneTasks = await built('tune-prompts/tune-prompts-task.js');

  root = await mkdtemp(join(tmpdir(), 'promptkd-prompt-ranks-'));
});
afterAll(() => rm(root, { recursive: true }));

const { config, preprocess } = fourHeads;
const width = config.projection_dim;
const draw = (...shape: number[]) => {
  const random = new Random('prompt ranks', ...shape);
  return { shape, data: Float32Array.from({ length: elements(shape) }, () => random.normal()) };
};
const classes = promptedTexts(['red', 'green', 'blue', 'grey'], { n_ctx: 2, depth: 2 }, tokenizer, 12);
const views = () =>
  new ViewBatches(dataset, labelledOf(dataset, 'train'), {
    seed: 1,
    batch: 4,
    augment: recipe().augment,
    preprocess,
  });
const tunedRecipe = tunePromptsRecipe.parse({
  ...{ batch: 6, steps: 4, warmup_steps: 0, lr: 0.01, checkpoint_every: 2 },
  prompts: { width: 8, heads: 2, intermediate_size: 16 },
});
// Its text tower takes no part, so that its heads may be any.
const small = { ...config, projection_dim: 8, text_config: { ...config.text_config, num_attention_heads: 3 } };
const params = initClip(small, 9);
// Small random weights make nearly the same of all images, and the batch norm would divide by how little they differ.
for (const [name, { data }] of Object.entries(params))
  if (/(v|out)_proj.weight/.test(name)) for (let i = 0; i < data.length; i++) data[i]! *= 8;
const student = { config: small, params, preprocess: clipPreprocess(16), tokenizer };

/** A fresh task of each kind. */
const kinds: Record<string, (compile: CompileOptions) => Task> = {
  'tuning of a teacher’s prompts': (compile) => {
    const tuned = { ...fourHeads, prompts: initTeacherPrompts(fourHeads, { n_ctx: 2, depth: 2 }, 1) };
    const plan = { epochs: 9, stepsPerEpoch: 1, classesPerStep: 3, seed: 1, average: { mean: 5, deviation: 1 } };
    const weights = { text: 25, image: 10, logits: 1 };
    const told = { ...classes, labels: [0, 1, 2, 3], frozen: draw(4, width) };
    return teacherTasks.teacherPromptsTask(tuned, told, views(), { ...plan, weights }, compile);
  },
  'distillation into visual prompts': (compile) => {
    const visual = initVisualStudent(student, width, { n_ctx: 2, depth: 2, seed: 3 });
    const seen = { pixels: draw(4, 3, 16, 16), teacher: draw(4, width) };
    const batches = { batch: 4, size: 16, at: async () => seen };
    const told = { texts: draw(5, width), logitScale: fourHeads.params.logit_scale! };
    return cvpr2024Tasks.cvpr2024Task(visual, told, batches, { temperature: 1, kdWeight: 1000 }, compile);
  },
  'tuning of a prompt encoder': (compile) => {
    const shape = promptConfig(tunedRecipe, config, 10);
    const prompt = { params: initPromptEncoder(shape, 1), config: shape };
    const told = { ...classes, classes: 4, frozen: draw(4, width) };
    const both = { weak: views(), strong: views(), classWeights: new Float32Array(4).fill(1) };
    return tuneTasks.tunePromptsTask(fourHeads, prompt, told, both, tunedRecipe, compile);
  },
};

describe.each(Object.entries(kinds))('%s', (_, make) => {
  async function step(ranks: number): Promise<Step> {
    const task = make({ ...compileOptions, ranks });
    const steps = await openSteps(task, { compile: compileOptions }, gradients.StepGradientsProgram);
    try {
      await steps.step(1); // the second run meets the other set of shared slots
      return structuredClone(await steps.step(0));
    } finally {
      await steps.dispose();
    }
  }

  it('has the losses and gradients of one rank on 2 and 4, but for rounding', async () => {
    const whole = await step(1);
    for (const ranks of [2, 4]) {
      const split = await step(ranks);
      expectSameStep(split, whole);
      expect(split.gradients).not.toEqual(whole.gradients); // sums of parts round in another way
    }
  });
});

interface Sitting {
  readonly engine: CompileOptions;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
}

/** The totals of a run's steps, in a sitting of so many ranks each; all but the last stop at step `stopAt`. */
async function totals(
  sittings: readonly number[],
  stopAt: number,
  run: (sitting: Sitting) => Promise<unknown>,
): Promise<number[]> {
  const seen: number[] = [];
  for (const [i, ranks] of sittings.entries()) {
    const stop = new AbortController();
    const onProgress: Sitting['onProgress'] = ({ losses }) => {
      if (!losses) return; // no step
      seen.push(losses.total!);
      if (seen.length === stopAt && i < sittings.length - 1) stop.abort();
    };
    await run({ engine: { ...compileOptions, ranks }, signal: stop.signal, onProgress });
  }
  return seen;
}

const cvpr2024Run = (name: string, sitting: Sitting, own = student) =>
  cvpr2024.cvpr2024({
    ...{ teacher: fourHeads, student: own, dataset, runDir: join(root, name), ...sitting },
    recipe: cvpr2024Recipe.parse({
      prompts: { n_ctx: 2, context: '' },
      tuning: { shots: 2, epochs: 2, batch: 4, average: { mean: 1 } },
      distillation: { batch: 6, epochs: 2, classes: 'base', targets: 'stored', views: 1 },
    }),
  });
const tunePromptsRun = (name: string, sitting: Sitting) =>
  tunePrompts.tunePrompts({ model: fourHeads, dataset, recipe: tunedRecipe, runDir: join(root, name), ...sitting });

// Of the CVPR 2024 recipe two ranks have the whole tuning, the targets and the first steps of the distillation.
it.each([
  ['cvpr2024', cvpr2024Run, 6, 8],
  ['tune-prompts', tunePromptsRun, 2, 4],
] as const)('a %s run begun on two ranks goes on on one', async (name, run, stopAt, steps) => {
  const whole = await totals([1], stopAt, (sitting) => run(`${name}-whole`, sitting));
  const split = await totals([2, 1], stopAt, (sitting) => run(`${name}-split`, sitting));
  expect(split).toHaveLength(steps);
  expect(split).not.toEqual(whole);
  for (const [i, total] of whole.entries()) expect(Math.abs(split[i]! / total - 1), `step ${i}`).toBeLessThan(1e-4);
});

it('a student that the ranks do not fit is refused before the teacher is tuned', async () => {
  const odd = { ...small, vision_config: { ...small.vision_config, num_attention_heads: 3 } };
  const onProgress = () => {
    throw new Error('the teacher is tuned');
  };
  const sitting = { engine: { ranks: 2 }, signal: new AbortController().signal, onProgress };
  await expect(cvpr2024Run('refused', sitting, { ...student, config: odd })).rejects.toThrow(
    "--tensor-parallel 2: expected a divisor of the student's vision_config.num_attention_heads, 3",
  );
});
