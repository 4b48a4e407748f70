import { join } from 'node:path';
import type { Checkpoint } from '../clip/index.js';
import { type Example, fewShot, type ImageTextDataset, labelledOf, withSubset } from '../data/index.js';
import { ensureTargets, teacherOf } from '../distill/index.js';
import { UserError } from '../errors.js';
import { hashParams } from '../files/index.js';
import { inTurns, leads } from '../group/index.js';
import { type LoaderOptions, type UnreadableImage, ViewBatches } from '../loader/index.js';
import { gatherHostRows } from '../math/index.js';
import {
  initVisualStudent,
  type PromptedTeacher,
  promptedTexts,
  ranksFor,
  saveModel,
  teacherImages,
  teacherTextFeatures,
  type VisualStudent,
  visualModel,
  writeTrainingRecord,
} from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import {
  engineOptions,
  epochCosine,
  inRun,
  type Run,
  type RunOptions,
  type RunOutcome,
  sgd,
  takeValues,
  train,
} from '../train/index.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';
import { cvpr2024Task, type ImageBatches } from './cvpr2024-task.js';
import { liveBatches, renormalized, storedBatches } from './image-batches.js';
import { tuneTeacher } from './tune-teacher.js';
import { checkUnlabelled, unlabelledImages } from './unlabelled-images.js';

/** Options of {@link cvpr2024}. */
export interface Cvpr2024RunOptions extends RunOptions<Cvpr2024Recipe> {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  readonly teacher: Checkpoint;
  /** Its vision tower stays frozen; its text tower is not used. */
  readonly student: Checkpoint;
  readonly dataset: ImageTextDataset;
  /** Distilled on instead of `dataset`, with all its classes: the cross-data-set setting. */
  readonly target?: { readonly dataset: ImageTextDataset; readonly split: string };
  /** State of the tuning, shared by runs with other targets; left out: inside the run folder. */
  readonly tuningDir?: string;
}

/** What a finished run has made. */
export interface Cvpr2024Run {
  readonly teacher: PromptedTeacher;
  readonly student: VisualStudent;
  /** The prompted teacher's text features of every class distilled on, novel ones too [classes, P], unit length. */
  readonly texts: HostTensor<Float32Array>;
  /** Seconds trained. */
  readonly stageSeconds: { readonly tuning: number; readonly distillation: number };
}

/** @throws UserError where ranks do not divide the models' heads and hidden units */
export function checkRanks(teacher: Checkpoint, student: Checkpoint, engine: CompileOptions | undefined): void {
  ranksFor('teacher', teacher.config, engine);
  ranksFor('student', { vision_config: student.config.vision_config }, engine);
}

/**
 * PromptKD as published (Li et al., arXiv 2403.02781): tunes the teacher's prompts on a few labelled images of base
 * classes, computes its features of all classes once, and distils it into the student's visual prompts and projector on
 * the images of all classes, without labels.
 *
 * @returns its folder is the student's checkpoint
 * @throws UserError for a recipe that does not fit data or models, ranks that do not divide heads and hidden units, or a
 *   run folder of another run or in use
 */
export async function cvpr2024(options: Cvpr2024RunOptions): Promise<RunOutcome<Cvpr2024Run>> {
  const { teacher, student, recipe, engine } = options;
  checkRanks(teacher, student, engine);
  if (!options.target) checkUnlabelled(options.dataset, recipe);
  const dataset = subsetOf(options.dataset, recipe);
  const { name, fingerprint } = (options.target ?? { dataset }).dataset;
  return inRun({ command: 'cvpr2024', data: { name, fingerprint } }, options, async (run) => {
    const result = await cvpr2024In(run, { ...options, dataset });
    return { result, ...(result.finished && { figures: { stage_seconds: result.stageSeconds } }) };
  });
}

/** The recipe's part of the training images, of base classes and of novel ones; the long tail is of the labelled ones. */
function subsetOf(dataset: ImageTextDataset, { data, seed }: Cvpr2024Recipe): ImageTextDataset {
  const labelled = withSubset(dataset, data.split, data, seed);
  const { aside } = dataset;
  if (!aside?.[data.split]) return labelled;
  const novel = withSubset({ ...labelled, splits: aside }, data.split, { fraction: data.fraction }, seed);
  return { ...labelled, aside: novel.splits, fingerprint: novel.fingerprint };
}

async function cvpr2024In(run: Run, options: Cvpr2024RunOptions): Promise<RunOutcome<Cvpr2024Run>> {
  const { teacher, student, dataset, recipe, runDir, signal, loader, onProgress } = options;
  const { recompute, accumulate, tuning, distillation, prompts, seed, augment } = recipe;
  const engine = engineOptions(recipe, options.engine);
  const { compile = {} } = engine;
  const target = options.target ?? { dataset, split: recipe.data.split };
  const labels = [...target.dataset.classes.keys()];
  const isBase = (label: number) => !dataset.classes[label]!.novel;
  const folder = join(runDir, 'student');
  const few = fewShot(labelledOf(dataset, recipe.data.split), tuning.shots, seed);
  // Both stages are known from the start, for the whole run's length.
  const tuningSteps = tuning.epochs * Math.floor(few.length / (tuning.batch * accumulate));
  const unlabelled = unlabelledImages(target.dataset, target.split, options.target ? 'all' : distillation.classes);
  const seen = distillation.batch * accumulate; // a step
  const stepsPerEpoch = Math.floor(unlabelled.length / seen);
  const steps = distillation.epochs * stepsPerEpoch;
  const overallSteps = tuningSteps + steps;
  const stopped = (done: number, seconds: number, imagesSeen: number) =>
    ({ folder, finished: false, steps: done, seconds, imagesSeen }) as const;

  await onProgress?.({ phase: 'preparing tuning', step: 0, steps: 0 });
  const tuned = await tuneTeacher({
    ...{ teacher, dataset, prompts, augment, seed, signal, engine, loader, templates: tuning.templates },
    classes: [...dataset.classes.keys()].filter(isBase),
    examples: few,
    training: {
      ...tuning,
      recompute,
      classesPerStep: tuning.classes_per_step,
      warmupLr: tuning.warmup_lr,
      weightDecay: tuning.weight_decay,
    },
    runDir: options.tuningDir ?? join(runDir, 'tuning'),
    onStep: (event) => run.step({ phase: 'tuning', firstStep: 0, overallSteps }, event),
  });
  run.skip(tuned.unreadable);
  const tunedOn = tuned.steps * tuning.batch;
  if (!tuned.finished) return stopped(tuned.steps, tuned.seconds, tunedOn);
  const names = target.dataset.classes.map(({ name }) => name);
  const limit = teacher.config.text_config.max_position_embeddings;
  const texts = await teacherTextFeatures(
    tuned.teacher,
    promptedTexts(names, prompts, teacher.tokenizer, limit),
    options.engine, // they stay with the student: in fp32
  );

  const { projection_dim: width } = teacher.config;
  const base = options.target ? labels : labels.filter(isBase);
  const baseTexts = { shape: [base.length, width], data: new Float32Array(base.length * width) };
  gatherHostRows(texts.data, width, base, baseTexts.data);
  const visual = initVisualStudent(student, width, {
    n_ctx: prompts.n_ctx,
    depth: Math.min(prompts.student_depth, student.config.vision_config.num_hidden_layers),
    seed,
  });
  const source = await imageBatches({ ...options, target }, unlabelled, compile, tuned.teacher);
  run.own(source);
  if (!source.batches) return stopped(tuned.steps, tuned.seconds, tunedOn);
  await onProgress?.({ phase: 'preparing distillation', step: 0, steps: 0 });
  const task = cvpr2024Task(
    visual,
    { texts: distillation.classes === 'all' ? texts : baseTexts, logitScale: teacher.params.logit_scale! },
    source.batches,
    { temperature: distillation.temperature, kdWeight: distillation.kd_weight, recompute },
    compile,
  );
  const fingerprints = {
    teacher: hashParams({ ...teacher.params, ...tuned.teacher.prompts }),
    student: hashParams(student.params),
  };
  for (const [role, fingerprint] of Object.entries(fingerprints)) run.identify(role, fingerprint);
  const { finished, step, seconds, averaged } = await train(task, {
    ...engine,
    steps,
    optimizer: sgd(task.params, { momentum: distillation.momentum, weightDecay: distillation.weight_decay }),
    learningRate: epochCosine({
      peak: distillation.lr,
      first: distillation.warmup_lr,
      epochs: distillation.epochs,
      stepsPerEpoch,
    }),
    clipNorm: distillation.clip,
    runDir: join(runDir, 'distillation'),
    checkpointEvery: stepsPerEpoch,
    fingerprint: JSON.stringify({
      recipe,
      data: dataset.fingerprint,
      target: options.target && { data: target.dataset.fingerprint, split: target.split },
      ...fingerprints,
    }),
    signal,
    onStep: (event) => run.step({ phase: 'distillation', firstStep: tuningSteps, overallSteps }, event),
  });
  run.skip(source.unreadable());
  const imagesSeen = tunedOn + step * seen;
  if (!finished) return stopped(tuned.steps + step, tuned.seconds + seconds, imagesSeen);
  takeValues(task.params, averaged);
  const record = { images_seen: steps * seen, train_seconds: Math.round(seconds) };
  if (leads(compile.group)) {
    await saveModel(folder, visualModel(student, visual, { names, features: texts }), async (unfinished) => [
      await writeTrainingRecord(unfinished, record),
    ]);
  }
  return {
    ...{ folder, finished, steps: tuned.steps + step, seconds: tuned.seconds + seconds, imagesSeen, texts },
    teacher: tuned.teacher,
    student: visual,
    stageSeconds: { tuning: tuned.seconds, distillation: seconds },
  };
}

interface ImageSource {
  /** Undefined where the signal stopped the extraction of targets. */
  readonly batches?: ImageBatches;
  unreadable(): readonly UnreadableImage[];
  dispose(): void | Promise<void>;
}

/** The images of the distillation as the recipe wants the teacher's features. */
async function imageBatches(
  options: Cvpr2024RunOptions & Required<Pick<Cvpr2024RunOptions, 'target'>>,
  examples: readonly Example[],
  compile: CompileOptions,
  teacher: PromptedTeacher,
): Promise<ImageSource> {
  const { target, recipe, runDir, signal, onProgress, loader } = options;
  const { preprocess, tokenizer } = options.teacher;
  const { dataset } = target;
  const { distillation, augment, seed } = recipe;
  const { batch, views } = distillation;
  const { group } = compile;
  const count = examples.length;
  const most = Math.floor(count / recipe.accumulate);
  if (most < batch || batch < 2) {
    const steps = recipe.accumulate > 1 ? `, ${recipe.accumulate} batches a step` : '';
    throw new UserError(
      `distillation.batch: expected 2 to ${most}, the images of ${dataset.name}/${target.split}${steps}, got ${batch}`,
    );
  }
  const own = (batches: ImageBatches) => renormalized(batches, preprocess, options.student.preprocess);
  if (distillation.targets === 'live') {
    const seen = new ViewBatches(dataset, examples, { seed, batch, group, augment, preprocess, loader });
    const images = await teacherImages(teacher, seen.own.count, compile);
    const dispose = async () => {
      await Promise.all([images.dispose(), seen.dispose()]);
    };
    return { batches: own(liveBatches(seen, images, group)), unreadable: () => seen.unreadable, dispose };
  }
  const { config, params, prompts } = teacher;
  const store = await inTurns(
    group,
    (stopped) =>
      ensureTargets({
        ...{ dataset, examples, views, augment, seed, loader, hidden: [], attention: [] },
        signal: stopped ? AbortSignal.abort() : signal,
        teacher: teacherOf({ config, params, preprocess, tokenizer }, { prompts, compile }),
        dir: join(runDir, 'targets'),
        onProgress: (step, steps) => onProgress?.({ phase: 'teacher targets', step, steps }),
      }),
    ({ complete }) => complete,
  );
  const kept = { unreadable: () => store.unreadable, dispose: () => store.close() };
  if (!store.complete) return kept;
  return { ...kept, batches: own(storedBatches(store, preprocess, { seed, batch, views, group })) };
}
