import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { labelledOf } from '../data/index.js';
import { ViewBatches } from '../loader/view-batches.js';
import { initTeacherPrompts, promptedTexts } from '../model/teacher-prompts.js';
import { compileOptions, config, dataset, recipe, teacher, tokenizer } from '../test/colours.fixture.js';
import { openSteps } from '../test/training.fixture.js';
import { train } from '../train/loop.js';
import { sgd } from '../train/sgd.js';
import { GaussianAverage } from './gaussian-average.js';
import { teacherPromptsTask } from './teacher-prompts-task.js';
import { type TuneTeacherOptions, tuneTeacher } from './tune-teacher.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-tune-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const examples = labelledOf(dataset, 'train');
const prompts = { n_ctx: 2, depth: 9, context: 'a drawing' };
const weights = { text: 25, image: 10, logits: 1 };
const options = (more: Partial<TuneTeacherOptions> = {}): TuneTeacherOptions => ({
  teacher,
  dataset,
  examples,
  classes: [0, 1, 2, 3],
  templates: ['a drawing of {}', '{}'],
  prompts,
  training: {
    classesPerStep: 4,
    epochs: 6,
    batch: 6,
    lr: 0.02,
    warmupLr: 1e-3,
    momentum: 0.9,
    weightDecay: 5e-4,
    weights,
    average: { mean: 4, deviation: 1 },
  },
  augment: recipe().augment,
  seed: 1,
  engine: { compile: compileOptions },
  ...more,
});

/** The task on four classes, nine epochs of one step. */
function fourClasses({ batch = 4, classesPerStep = 4 } = {}) {
  const tuned = { ...teacher, prompts: initTeacherPrompts(teacher, prompts, 1) };
  const texts = promptedTexts(['red', 'green', 'blue', 'grey'], prompts, tokenizer, 12);
  const views = new ViewBatches(dataset, examples, {
    seed: 1,
    batch,
    augment: recipe().augment,
    preprocess: teacher.preprocess,
  });
  const frozen = {
    shape: [4, config.projection_dim],
    data: Float32Array.from({ length: 4 * config.projection_dim }, (_, i) => Math.sin(i)),
  };
  const classes = { labels: [0, 1, 2, 3], ...texts, frozen };
  const plan = { epochs: 9, stepsPerEpoch: 1, classesPerStep, seed: 1, weights, average: { mean: 5, deviation: 1 } };
  return { tuned, task: teacherPromptsTask(tuned, classes, views, plan) };
}

it('differentiates cross-entropy and the three regularisers', async () => {
  const { task } = fourClasses();
  const steps = await openSteps(task, { compile: compileOptions });
  const { gradients, losses } = await steps.step(0);
  const parts = losses.cross_entropy! + losses.text! + losses.image! + losses.logits!;
  expect(parts).toBeCloseTo(losses.total!, 4);
  for (const part of Object.values(losses)) expect(part).toBeGreaterThan(0);
  const exact = Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.slice()]));
  expect(Object.keys(exact)).toEqual(['vision.0', 'vision.1', 'text.0', 'text.1'].map((name) => `prompts/${name}`));
  for (const [name, gradient] of Object.entries(exact)) {
    const data = task.params[name]!.data;
    const i = gradient.reduce((best, x, k) => (Math.abs(x) > Math.abs(gradient[best]!) ? k : best), 0);
    const kept = data[i]!;
    const at = async (x: number) => {
      data[i] = x;
      return (await steps.step(0)).losses.total!;
    };
    const slope = ((await at(kept + 1e-3)) - (await at(kept - 1e-3))) / 2e-3;
    data[i] = kept;
    expect(Math.abs(slope - gradient[i]!), name).toBeLessThan(0.05 * Math.abs(slope));
  }
  await steps.dispose();
});

it('tells some classes of many apart in a step, those of its labels among them', async () => {
  const open = (classesPerStep: number) =>
    openSteps(fourClasses({ batch: 2, classesPerStep }).task, { compile: compileOptions });
  const [all, some] = await Promise.all([open(4), open(3)]);
  const distances = new Set<number>();
  for (const step of [0, 1, 2, 3]) {
    const [whole, part] = [await all.step(step), await some.step(step)];
    // Fewer wrong answers are fewer to be mistaken for.
    expect(part.losses.cross_entropy).toBeLessThan(whole.losses.cross_entropy!);
    expect(part.losses.image).toBeCloseTo(whole.losses.image!, 4);
    distances.add(part.losses.text!);
  }
  expect(distances.size).toBeGreaterThan(1); // of other classes from step to step
  await Promise.all([all.dispose(), some.dispose()]);
});

it('averages every epoch, also where an update overflowed in mixed precision', async () => {
  const { task, tuned } = fourClasses();
  const start = structuredClone(tuned.prompts);
  await train(task, {
    ...{ steps: 9, optimizer: sgd(task.params), learningRate: () => 0.01 },
    compile: { ...compileOptions, precision: 'mixed' },
    lossScale: 2 ** 40, // far beyond what fp16 can hold
  });
  expect(tuned.prompts).toEqual(start);
  for (const [name, { data }] of Object.entries(task.averaged))
    for (const [i, x] of data.entries()) expect(x).toBeCloseTo(start[name]!.data[i]!, 5);
});

it('lowers the cross-entropy, changes nothing but prompts, and a stopped run resumes to the same bits', async () => {
  const losses: number[] = [];
  const before = structuredClone(teacher.params);
  const whole = await tuneTeacher(options({ onStep: ({ losses: l }) => void losses.push(l.cross_entropy!) }));
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(-3))).toBeLessThan(0.9 * mean(losses.slice(0, 3)));
  expect(teacher.params).toEqual(before);

  const runDir = join(root, 'run');
  const stop = new AbortController();
  const onStep = ({ step }: { step: number }) => {
    if (step === 5) stop.abort();
  };
  expect((await tuneTeacher(options({ runDir, signal: stop.signal, onStep }))).finished).toBe(false);
  const resumed = await tuneTeacher(options({ runDir }));
  expect(resumed.finished).toBe(true);
  expect(resumed.teacher.prompts).toEqual(whole.teacher.prompts);
});

it('starts the first text prompts as the words of the context', () => {
  const start = initTeacherPrompts(teacher, prompts, 1);
  const table = teacher.params['text_model.embeddings.token_embedding.weight']!.data;
  const width = config.text_config.hidden_size;
  const rows = tokenizer.tokens('a drawing').flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]);
  expect([...start['text.0']!.data]).toEqual(rows);
  // Of more words the first ones are learned, and the others stay where they are.
  const long = { ...prompts, context: 'a drawing of' };
  expect(initTeacherPrompts(teacher, long, 1)).toEqual(start);
  const { ids, ends } = promptedTexts(['red'], long, tokenizer, 20);
  expect([...(ids.data as Int32Array)].slice(1, ends.data[0])).toEqual(tokenizer.tokens('a drawing of red.'));
});

it('averages the middle epochs most', () => {
  const theta = { w: { shape: [1], data: Float32Array.of(0) } };
  const average = new GaussianAverage(theta, { epochs: 3, mean: 2, deviation: 1 });
  for (const epoch of [1, 2, 3]) {
    theta.w.data[0] = 10 ** epoch;
    average.add(epoch, theta);
  }
  const side = Math.exp(-0.5);
  expect(average.sum.w!.data[0]).toBeCloseTo((10 * side + 100 + 1000 * side) / (1 + 2 * side), 3);
  const late = new GaussianAverage(theta, { epochs: 2, mean: 500, deviation: 1 });
  late.add(1, theta);
  late.add(2, theta);
  expect(late.sum.w!.data[0]).toBe(1000);
});

it.each([
  [
    { prompts: { ...prompts, n_ctx: 3 } },
    /prompts.context: expected 3 tokens \(prompts.n_ctx\) or more, got 2 of "a drawing"/,
  ],
  [{ prompts: { n_ctx: 30, depth: 2 } }, /prompts.n_ctx: 30 prompts leave no room for a text .* expected at most \d+$/],
  [{ examples: examples.slice(0, 5) }, /tuning.batch: 6 is more than the 5 labelled images/],
  [{ training: { ...options().training, classesPerStep: 3 } }, /tuning.classes_per_step: expected room .* 4, got 3/],
  [{ classes: [0, 1] }, /an image has label \d, which is none of the classes/],
])('refuses %j', async (more, message) => {
  await expect(tuneTeacher(options(more))).rejects.toThrow(message);
});
