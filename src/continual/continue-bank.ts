import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type Bank,
  type BankTask,
  changingBank,
  checkNewTask,
  checkOneShape,
  isBank,
  readBank,
  saveBank,
} from '../bank/index.js';
import type { ImageTextDataset, LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { classFeatures, type EmbedOptions, embedImages, embedTexts } from '../evaluate/index.js';
import { readJsonAsSync, writeFileAtomic } from '../files/index.js';
import { leads, madeByFirst } from '../group/index.js';
import type { LoaderOptions } from '../loader/index.js';
import type { Rows } from '../math/index.js';
import { type Model, modelFingerprint, type TowerModel } from '../model/index.js';
import { classText, countParameters } from '../prompt/index.js';
import {
  engineOptions,
  inRun,
  type Run,
  type RunOptions,
  type RunOutcome,
  type RunWork,
  takeValues,
  train,
} from '../train/index.js';
import { autoLambda } from './auto-lambda.js';
import { continualTask } from './continual-task.js';
import { movedAnchor } from './ewc-penalty.js';
import { continualOptimizer } from './optimizer.js';
import { anchorOfBank, type Prepared, prepareLearning } from './prepare-learning.js';
import { type ContinueRecipe, methodParts } from './recipe.js';
import { keepImages } from './replay.js';
import { partOfData } from './task-data.js';
import { taskFisher } from './task-fisher.js';
import { taskKeys } from './task-keys.js';

/** Options of {@link continueBank}. */
export interface ContinueOptions extends RunOptions<ContinueRecipe> {
  readonly loader?: LoaderOptions;
  /** Folder of the bank; the first task begins it. */
  readonly bank: string;
  /** Of a bank that begins; of one that is there it has to be the same. */
  readonly student?: TowerModel;
  /** Its answers stand for labels, which are not looked at then. */
  readonly teacher?: Model;
  readonly dataset: ImageTextDataset;
}

/** A task that was learned. */
export interface Continued {
  readonly task: string;
  readonly classes: number;
  readonly images: number;
  /** What the bank keeps of the task: numbers learned for it alone, and bytes on disk. */
  readonly ownParameters: number;
  /** Strength of the consolidation's penalty; left out where there was none. */
  readonly lambda?: number;
}

/** A task's name where none is given: that of its data. */
export const nameOfData = (data: string, artists: readonly string[] = []): string =>
  [data.replace(/[^\p{L}\p{N}_.+-]+/gu, '-').replace(/^[^\p{L}\p{N}_]+/u, ''), ...artists].join('-').slice(0, 80) ||
  'task';

/** The name of a recipe's task. */
export const taskNameOf = ({ task, data }: Pick<ContinueRecipe, 'task' | 'data'>): string =>
  task ?? nameOfData(data.dataset, data.artists);

/**
 * The bank that a task is added to: the one in the folder, or a new one of the student.
 *
 * @throws UserError where there is neither, the bank is of another student or method, or it has the task already
 */
export async function bankToContinue({
  bank: folder,
  student,
  recipe,
}: Pick<ContinueOptions, 'bank' | 'student' | 'recipe'>): Promise<Bank> {
  const { method, routing, templates } = recipe;
  if (routing.mode === 'mixture' && method !== 'bank') {
    throw new UserError(`routing.mode: mixture goes with the method bank alone, got ${method}`);
  }
  if (!isBank(folder)) {
    if (student?.projector && methodParts(method).prompts) {
      throw new UserError(
        'student: a visual student (cvpr2024) reads no texts, by which images are routed to their task: take a method without prompts, such as ewc',
      );
    }
    if (!student) throw new UserError(`${folder}: no bank there: give the --student that it begins with`);
    return { frozen: student, method, routing: routing.mode, templates, tasks: [], shared: {} };
  }
  const bank = await readBank(folder);
  if (student) {
    const [expected, got] = [bank.frozen, student].map(modelFingerprint);
    if (expected !== got) {
      throw new UserError(
        `${folder}: the bank is of another student (${expected}) than the one given (${got}): leave --student out, or begin another bank`,
      );
    }
  }
  const same: [string, string, string][] = [
    ['method', bank.method, method],
    ['routing.mode', bank.routing, routing.mode],
    ['templates', bank.templates.join(', '), templates.join(', ')],
  ];
  for (const [field, expected, got] of same) {
    if (expected !== got) throw new UserError(`${field}: the bank was begun with ${expected}, got ${got}`);
  }
  checkNewTask(bank, taskNameOf(recipe));
  return bank;
}

/**
 * Learns one more task and adds it to a bank: see `continualTask` for how, and `taskKeys` for how it is recognised later.
 * The bank changes at the very end, at once: until then it is as it was, whenever this is stopped or killed, and the same
 * call goes on.
 *
 * @param options `runDir` is the task's own
 * @throws BusyError where another process changes the bank
 * @throws UserError for a bank, a task or data that do not fit; see {@link bankToContinue}, `prepareLearning`
 */
export async function continueBank(options: ContinueOptions): Promise<RunOutcome<Continued>> {
  const { recipe } = options;
  await bankToContinue(options); // what does not fit is said before a run begins
  const dataset = partOfData(options.dataset, recipe.data, recipe.seed);
  const { name, fingerprint } = dataset;
  return inRun(
    { command: 'continue', data: { name, fingerprint } },
    options,
    async (run): Promise<RunWork<RunOutcome<Continued>>> => {
      const learn = async () => learnTask(run, await bankToContinue(options), dataset, options);
      // Of several processes the first one alone changes the bank.
      const result = leads(options.engine?.group) ? await changingBank(options.bank, learn) : await learn();
      if (!result.finished) return { result };
      const { task, classes, images, lambda, ownParameters } = result;
      return { result, figures: { task, classes, images, lambda, own_parameters: ownParameters } };
    },
  );
}

async function learnTask(
  run: Run,
  bank: Bank,
  dataset: ImageTextDataset,
  options: ContinueOptions,
): Promise<RunOutcome<Continued>> {
  const { recipe, runDir, signal, teacher, loader } = options;
  const engine = engineOptions(recipe, options.engine);
  const say = (phase: string, step = 0, steps = 0) => options.onProgress?.({ phase, step, steps });
  await say('preparing');
  const ready = await prepareLearning({
    ...{ bank, dataset, teacher, recipe, loader, signal, engine: options.engine },
    onProgress: (phase, step, steps) => void say(phase, step, steps),
  });
  run.own(ready.images);
  const parts = methodParts(recipe.method);
  const identity = {
    student: modelFingerprint(bank.frozen),
    teacher: teacher && modelFingerprint(teacher),
    tasks: bank.tasks.map(({ name }) => name),
  };
  run.identify('student', identity.student);
  if (identity.teacher) run.identify('teacher', identity.teacher);
  const anchor = parts.ewc ? anchorOfBank(bank, recipe) : undefined;
  const lambda = anchor && (await lambdaOf(ready, bank, anchor, options));
  const consolidation = anchor && lambda !== undefined ? { anchor, lambda } : undefined;
  const task = continualTask({ ...ready, consolidation }, recipe, options.engine);
  const { steps } = recipe;
  const { finished, step, seconds, averaged } = await train(task, {
    ...engine,
    steps,
    ...continualOptimizer(task, recipe),
    runDir,
    checkpointEvery: recipe.checkpoint_every,
    fingerprint: JSON.stringify({ recipe, data: dataset.fingerprint, ...identity }),
    signal,
    onStep: (event) => run.step({ phase: 'continue', firstStep: 0, overallSteps: steps }, event),
  });
  run.skip(ready.images.unreadable);
  const done = {
    folder: options.bank,
    steps: step,
    seconds,
    imagesSeen: step * ready.images.labels.length * recipe.accumulate,
  };
  if (!finished) return { ...done, finished: false };
  takeValues(task.params, averaged);
  if (leads(options.engine?.group)) {
    const learned = await keep({ ready, bank, dataset, lambda, seconds }, options);
    signal?.throwIfAborted();
    await saveBank(options.bank, learned);
  }
  return {
    ...{ ...done, finished: true, task: taskNameOf(recipe), classes: ready.classes.length },
    ...{ images: ready.examples.length, ownParameters: countParameters(ready.prompts), lambda },
  };
}

/** The recipe's λ, the bank's, or one that is found now and kept with the run. */
async function lambdaOf(
  ready: Prepared,
  bank: Bank,
  anchor: NonNullable<ReturnType<typeof anchorOfBank>>,
  { recipe, runDir, engine, signal, onProgress }: ContinueOptions,
): Promise<number> {
  const { lambda } = recipe.ewc;
  if (lambda !== 'auto') return lambda;
  if (bank.lambda !== undefined) return bank.lambda;
  const file = join(runDir, 'lambda.json');
  const known = await madeByFirst(engine?.group, () =>
    existsSync(file) ? readJsonAsSync(file, z.object({ lambda: z.number().nonnegative() })).lambda : null,
  );
  if (known !== null) return known;
  await onProgress?.({ phase: 'finding λ', step: 0, steps: 0 });
  const found = await autoLambda(ready, anchor, recipe, { ...engineOptions(recipe, engine), signal });
  if (leads(engine?.group)) await writeFileAtomic(file, JSON.stringify({ lambda: found }));
  return found;
}

/** The bank with the task that was learned. */
async function keep(
  {
    ready,
    bank,
    dataset,
    lambda,
    seconds,
  }: {
    ready: Prepared;
    bank: Bank;
    dataset: ImageTextDataset;
    lambda: number | undefined;
    seconds: number;
  },
  options: ContinueOptions,
): Promise<Bank> {
  const { recipe, signal, onProgress } = options;
  const { frozen } = bank;
  const engine = { device: options.engine?.device, threads: options.engine?.threads };
  const say = (phase: string, step = 0, steps = 0) => onProgress?.({ phase, step, steps });
  const parts = methodParts(recipe.method);
  await say('keys');
  const images = await embedImages(frozen, dataset, ready.examples, { ...engine, signal });
  if (images.rows.count === 0) throw new UserError(`${dataset.name}: none of the task's images can be read`);
  const held = await heldOutRows(dataset, ready.classes, frozen, recipe, { ...engine, signal });
  const names = ready.classes;
  const texts = names.map((name) => recipe.templates.map((template) => classText(template, name)));
  const prototypes = frozen.projector
    ? rowsOf(ready.pool.fixed!, names.length)
    : classFeatures(
        await embedTexts(frozen, texts.flat(), { ...engine, signal }),
        names.map((_, c) => recipe.templates.map((_, k) => c * recipe.templates.length + k)),
      );
  const fisher = parts.ewc
    ? await taskFisher(ready, dataset, ready.examples, ready.labels, recipe, {
        engine,
        signal,
        onProgress: (done, total) => say('Fisher information', done, total),
      })
    : undefined;
  const anchor = fisher && { fisher, values: ready.shared };
  const labelled = ready.examples.flatMap(({ id }, i): LabelledExample[] => {
    const known = ready.labels[i]!;
    const label = known >= 0 ? known : ready.teacher?.best(i, [...names.keys()]);
    return label === undefined ? [] : [{ id, captions: [], label }];
  });
  const task: BankTask = {
    ...{ name: taskNameOf(recipe), classes: names, steps: recipe.steps, seconds, prompts: ready.prompts },
    data: { name: dataset.name, fingerprint: dataset.fingerprint },
    keys: taskKeys(images.rows, prototypes, recipe.routing, recipe.seed, held),
    ...(anchor && recipe.ewc.anchors === 'separate' && { anchor }),
    ...(parts.replay && {
      replay: await keepImages(dataset, labelled, recipe.replay.per_class, frozen.preprocess, recipe.seed),
    }),
  };
  const tasks = [...bank.tasks, task];
  checkOneShape(tasks);
  return {
    ...{ ...bank, tasks, shared: { ...bank.shared, ...ready.shared } },
    ...(lambda !== undefined && { lambda }),
    ...(anchor && recipe.ewc.anchors === 'online' && { anchor: movedAnchor(bank.anchor, anchor, recipe.ewc.decay) }),
  };
}

/** Features of the task's images that are kept out of training; undefined where the data have none. */
async function heldOutRows(
  dataset: ImageTextDataset,
  classes: readonly string[],
  frozen: Model,
  { routing, data }: ContinueRecipe,
  options: EmbedOptions,
): Promise<Rows | undefined> {
  if (routing.calibrate === data.split) return undefined;
  const { splits } = dataset;
  const own = (Object.hasOwn(splits, routing.calibrate) ? splits[routing.calibrate]! : []).filter(
    ({ label }) => label === undefined || classes.includes(dataset.classes[label]!.name),
  );
  if (own.length === 0) return undefined;
  const { rows } = await embedImages(frozen, dataset, own, options);
  return rows.count > 0 ? rows : undefined;
}

const rowsOf = ({ shape, data }: { shape: readonly number[]; data: Float32Array }, count: number) => ({
  data: data.subarray(0, count * shape[1]!),
  count,
  width: shape[1]!,
});
