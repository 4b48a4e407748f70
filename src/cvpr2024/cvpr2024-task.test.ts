import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { studentConfig } from '../distill/student/student.js';
import { ensureTargets } from '../distill/targets/extract-targets.js';
import type { TargetStore } from '../distill/targets/target-store.js';
import { teacherOf } from '../distill/teacher/teacher.js';
import { hashParams } from '../files/fingerprint.js';
import { ViewBatches } from '../loader/view-batches.js';
import { type PromptedTeacher, teacherImages, teacherTextFeatures } from '../model/prompted-teacher.js';
import { initVisualStudent, type VisualStudent } from '../model/visual-student.js';
import type { Params } from '../nn/index.js';
import { initDeepPrompts } from '../prompt/index.js';
import { compileOptions, config, dataset, teacher as plain, recipe, tokenizer } from '../test/colours.fixture.js';
import { openSteps } from '../test/training.fixture.js';
import { train } from '../train/loop.js';
import { sgd } from '../train/sgd.js';
import { cvpr2024Task, type ImageBatches } from './cvpr2024-task.js';
import { liveBatches, storedBatches } from './image-batches.js';

const prompt = (tower: 'vision' | 'text'): Params => initDeepPrompts(tower, { n_ctx: 2, depth: 2, width: 24 }, 5);
const teacher: PromptedTeacher = {
  config,
  params: plain.params,
  prompts: { ...prompt('vision'), ...prompt('text') },
};
const examples = dataset.splits.train!;
const { augment } = recipe({ augment: { mix: { mixup: 1, cutmix: 1, probability: 0.5 } } });
const settings = { seed: 1, batch: 6, views: 2 };
const encode = (texts: readonly string[]) => {
  const { ids, eos } = tokenizer.encode(texts, 12);
  return { ids: { shape: [texts.length, 12], data: ids }, ends: { shape: [texts.length], data: eos } };
};

let root = '';
let store: TargetStore;
let classes: { texts: Params[string]; logitScale: Params[string] };
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-cvpr2024-'));
  store = await targets(teacher.prompts);
  const texts = await teacherTextFeatures(
    teacher,
    encode(['red', 'green', 'blue', 'grey'].map((name) => `x x ${name}`)),
  );
  classes = { texts, logitScale: plain.params.logit_scale! };
});
afterAll(() => {
  store.close();
  rmSync(root, { recursive: true });
});

function targets(prompts: Params): Promise<TargetStore> {
  const wanted = {
    dataset,
    examples,
    views: settings.views,
    augment,
    seed: settings.seed,
    hidden: [2],
    attention: [1],
  };
  const teacher = teacherOf(plain, { prompts, compile: compileOptions });
  return ensureTargets({ ...wanted, teacher, dir: join(root, 'targets') });
}

/** A student whose images are half as large as the teacher's. */
function newStudent(): VisualStudent {
  const { student } = recipe();
  const shape = studentConfig(
    recipe({ student: { ...student, vision: { ...student.vision, image_size: 8, patch_size: 4 } } }),
    config,
  );
  return initVisualStudent({ config: shape, params: initClip(shape, 2) }, config.projection_dim, {
    n_ctx: 2,
    depth: 2,
    seed: 3,
  });
}

const stored = () => storedBatches(store, plain.preprocess, settings);
const taskOf = (student: VisualStudent, batches: ImageBatches) =>
  cvpr2024Task(student, classes, batches, { temperature: 1, kdWeight: 1000 });
const compile = compileOptions;

describe('unlabelled distillation of a visual student', () => {
  it('learns the teacher from stored targets, and leaves the frozen towers alone', async () => {
    const student = newStudent();
    const before = hashParams(student.params);
    const task = taskOf(student, stored());
    const losses: number[] = [];
    const optimizer = sgd(task.params, { momentum: 0.9, weightDecay: 5e-4 });
    await train(task, {
      ...{ steps: 40, compile },
      optimizer,
      learningRate: () => 0.005,
      onStep: (e) => void losses.push(e.losses.total!),
    });
    const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
    expect(mean(losses.slice(-4))).toBeLessThan(0.3 * mean(losses.slice(0, 4)));
    expect(hashParams(student.params)).toBe(before);
  });

  it('sees the same with the teacher live as with stored targets, mixed images too', async () => {
    const images = await teacherImages(teacher, settings.batch, compileOptions);
    const views = new ViewBatches(dataset, examples, { ...settings, augment, preprocess: plain.preprocess });
    const [one, other] = await Promise.all(
      [stored(), liveBatches(views, images)].map((batches) => openSteps(taskOf(newStudent(), batches), { compile })),
    );
    for (const step of [0, 3]) {
      const [a, b] = [await one!.step(step), await other!.step(step)];
      expect(b.losses.total! / a.losses.total!).toBeCloseTo(1, 4);
      expect(b.losses.agreement).toBe(a.losses.agreement);
    }
    for (const each of [one!, other!, images]) await each.dispose();
  });

  it('ends with the same bits when it is stopped and resumed, running statistics too', async () => {
    const run = async (runDir: string, stop?: number) => {
      const student = newStudent();
      const task = taskOf(student, stored());
      const controller = new AbortController();
      const optimizer = sgd(task.params, { momentum: 0.9 });
      const onStep = ({ step }: { step: number }) => {
        if (step === stop) controller.abort();
      };
      const { signal } = controller;
      await train(task, { steps: 6, optimizer, learningRate: () => 0.005, runDir, signal, onStep, compile });
      return { ...student.prompts, ...student.projector };
    };
    const whole = await run(join(root, 'whole'));
    expect(await run(join(root, 'parts'), 3)).not.toEqual(whole);
    expect(await run(join(root, 'parts'))).toEqual(whole);
  });
});

describe('the prompted teacher', () => {
  it('gives each text the same features in whatever block it falls', async () => {
    const texts = Array.from({ length: 70 }, (_, i) => `x x ${'red green blue'.slice(0, 3 + (i % 12))}`);
    const [all, first, rest] = await Promise.all(
      [texts, texts.slice(0, 40), texts.slice(40)].map((part) =>
        teacherTextFeatures(teacher, encode(part), compileOptions),
      ),
    );
    const parts = [...first!.data, ...rest!.data];
    expect(all!.data).toHaveLength(parts.length);
    for (const [i, x] of all!.data.entries()) expect(x).toBeCloseTo(parts[i]!, 5);
  });

  it('with other prompts does not fit stored targets', async () => {
    const { 'vision.1': second, ...fewer } = teacher.prompts;
    expect(second).toBeDefined();
    await expect(targets(fewer)).rejects.toThrow(/teacher targets were made from something else \(teacher was/);
  });
});
