import { type Bank, initTaskPrompts, sharedModel, taskTextLimit } from '../bank/index.js';
import { tokenizeAll } from '../clip/index.js';
import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { classFeatures, embedTexts } from '../evaluate/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { Random } from '../math/index.js';
import { type Model, textLimit } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { classText } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { ClassPool, Learning } from './continual-task.js';
import { oneAnchor } from './ewc-penalty.js';
import { sharedWeights } from './learned-weights.js';
import { type ContinueRecipe, methodParts } from './recipe.js';
import { replayData } from './replay.js';
import { classesOfTask } from './task-data.js';
import { type ImagesOfTask, taskImages } from './task-images.js';
import { teacherAnswers } from './teacher-answers.js';

/** What a task is learned from. */
export interface LearningFrom {
  readonly bank: Bank;
  readonly dataset: ImageTextDataset;
  readonly teacher?: Model;
  readonly recipe: ContinueRecipe;
  readonly loader?: LoaderOptions;
  readonly engine?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: string, step: number, steps: number) => void;
}

/** A task ready to be learned. */
export interface Prepared extends Omit<Learning, 'images'>, ImagesOfTask {
  readonly images: ReturnType<typeof taskImages>;
  /** Names of the task's classes, the first of the pool. */
  readonly classes: readonly string[];
}

/**
 * Classes, images, weights and prompts of a task, and what is kept of earlier ones, as the recipe's method wants them.
 *
 * @throws UserError where the images have no labels and there is no teacher, are fewer than a batch, or the method does not
 *   fit the student
 */
export async function prepareLearning(from: LearningFrom): Promise<Prepared> {
  const { bank, dataset, recipe, engine, signal, onProgress } = from;
  const { frozen } = bank;
  const parts = methodParts(recipe.method);
  const { split } = recipe.data;
  const own = classesOfTask(dataset, split);
  const classes = own.map((label) => dataset.classes[label]!.name);
  const examples = from.teacher
    ? examplesOf(dataset, split)
    : examplesOf(dataset, split).filter((example) => isLabelled(example) && own.includes(example.label));
  if (examples.length === 0) {
    throw new UserError(
      `${dataset.name}/${split}: expected images with classes, found none: give data with labels, or a --teacher`,
    );
  }
  if (examples.length < recipe.batch) {
    throw new UserError(
      `batch: ${recipe.batch} is more than the ${examples.length} images of ${dataset.name}/${split}; choose a smaller one`,
    );
  }
  if (frozen.projector && parts.lwf) {
    throw new UserError('method: lwf reads class names, and a visual student (cvpr2024) reads none; take ewc or bank');
  }
  const earlierNames = parts.lwf || parts.replay ? bank.tasks.flatMap((task) => task.classes) : [];
  const names = [...new Set([...classes, ...earlierNames])];
  const replay = parts.replay ? replayData(bank, names) : undefined;
  const prompts = parts.prompts ? freshPrompts(bank, recipe) : {};
  const shared = parts.shared ? sharedWeights(bank, recipe.shared, parts.prompts) : {};
  const pool = await classPool(from, names, prompts, shared, {
    allowed: new Set(replay ? names.keys() : classes.keys()),
    earlier: new Set(earlierNames.map((name) => names.indexOf(name))),
  });
  const most = recipe.batch + (replay ? recipe.replay.batch : 0);
  if (recipe.classes_per_step < Math.min(most, names.length)) {
    throw new UserError(
      `classes_per_step: expected room for the labels of a step, ${most}, got ${recipe.classes_per_step}`,
    );
  }
  const of = {
    dataset,
    examples,
    labels: examples.map(({ label }) => (label === undefined ? -1 : own.indexOf(label))),
    replay,
    ...(from.teacher && {
      teacher: await teacherAnswers(from.teacher, dataset, examples, names, recipe.templates, {
        device: engine?.device,
        threads: engine?.threads,
        signal,
        onProgress: (done, total) => onProgress?.('teacher', done, total),
      }),
    }),
  };
  return {
    ...{ ...of, bank, prompts, shared, pool, classes },
    images: taskImages(of, frozen, recipe, from.loader, engine?.group),
    before: parts.lwf && bank.tasks.length > 0 ? await featuresBefore(from, names) : undefined,
  };
}

/** The anchor that holds the shared weights back; undefined for the first task. */
export function anchorOfBank({ anchor, tasks }: Bank, { ewc }: Pick<ContinueRecipe, 'ewc'>) {
  if (ewc.anchors === 'online') return anchor;
  const all = tasks.flatMap((task) => task.anchor ?? []);
  return all.length > 0 ? oneAnchor(all) : undefined;
}

function freshPrompts({ frozen, routing, tasks }: Bank, recipe: ContinueRecipe): Params {
  const fresh = initTaskPrompts(frozen, recipe.prompts, recipe.seed);
  if (routing === 'nearest') return fresh;
  // Components of a mixture: of images alone, each with a key and an attention of its own.
  const count = recipe.routing.components;
  const width = frozen.projector ? frozen.classes!.features.shape[1]! : frozen.config.projection_dim;
  const random = (name: string) => new Random(recipe.seed, 'mixture', name, tasks.length);
  const uniform = (name: string): HostTensor => {
    const own = random(name);
    return { shape: [count, width], data: Float32Array.from({ length: count * width }, () => own.uniform(-1, 1)) };
  };
  const stacked = Object.entries(fresh)
    .filter(([name]) => name.startsWith('vision.'))
    .map(([name, { shape, data }]): [string, HostTensor] => {
      const own = random(name);
      const values = Float32Array.from({ length: count * data.length }, () => 0.02 * own.normal());
      return [name, { shape: [count, ...shape], data: values }];
    });
  return { ...Object.fromEntries(stacked), attention: uniform('attention'), key: uniform('key') };
}

async function classPool(
  { bank, recipe, engine }: LearningFrom,
  names: readonly string[],
  prompts: Params,
  shared: Params,
  which: Pick<ClassPool, 'allowed' | 'earlier'>,
): Promise<ClassPool> {
  const { frozen } = bank;
  const limit = prompts['text.0'] ? taskTextLimit(frozen, prompts) : textLimit(frozen);
  const texts = recipe.templates.flatMap((template) => names.map((name) => classText(template, name)));
  const read = tokenizeAll(frozen.tokenizer, texts, limit);
  const pool = {
    ...{ names, ...which },
    texts: {
      ids: { shape: [texts.length, read.length], data: read.ids },
      ends: { shape: [texts.length], data: read.ends },
    },
  };
  if (frozen.projector) {
    const { names: known, features } = frozen.classes!;
    const width = features.shape[1]!;
    const data = new Float32Array(names.length * width);
    for (const [i, name] of names.entries()) {
      const row = known.indexOf(name);
      if (row < 0) {
        throw new UserError(
          `"${name}" is none of the ${known.length} classes that the visual student knows: distil it on them with promptkd cvpr2024`,
        );
      }
      data.set(features.data.subarray(row * width, (row + 1) * width), i * width);
    }
    return { ...pool, fixed: { shape: [names.length, width], data } };
  }
  if (prompts['text.0'] || Object.keys(shared).length > 0) return pool;
  // Texts that nothing learned changes are read once.
  const rows = await embedTexts(frozen, texts, { device: engine?.device, threads: engine?.threads });
  const { data, width } = classFeatures(
    rows,
    names.map((_, c) => recipe.templates.map((_, k) => k * names.length + c)),
  );
  return { ...pool, fixed: { shape: [names.length, width], data } };
}

/** Features of classes by the student as it is before the task [C, P]. */
async function featuresBefore({ bank, recipe, engine, signal }: LearningFrom, names: readonly string[]) {
  const texts = recipe.templates.flatMap((template) => names.map((name) => classText(template, name)));
  const rows = await embedTexts(sharedModel(bank), texts, { device: engine?.device, threads: engine?.threads, signal });
  const { data, width } = classFeatures(
    rows,
    names.map((_, c) => recipe.templates.map((_, k) => k * names.length + c)),
  );
  return { shape: [names.length, width], data };
}
