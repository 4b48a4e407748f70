import { join } from 'node:path';
import type { Checkpoint } from '../clip/index.js';
import { examplesOf, fewShot, type ImageTextDataset, labelledOf, withSubset } from '../data/index.js';
import { ensureTargets, teacherOf } from '../distill/index.js';
import { UserError } from '../errors.js';
import { hashParams } from '../files/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { ViewBatches } from '../loader/index.js';
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
} from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import {
  engineOptions,
  type StepEvent,
  sgd,
  takeValues,
  train,
  warmupCosine,
  writeTrainingRecord,
} from '../train/index.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';
import { cvpr2024Task, type ImageBatches } from './cvpr2024-task.js';
import { liveBatches, renormalized, storedBatches } from './image-batches.js';
import { tuneTeacher } from './tune-teacher.js';

export interface Cvpr2024RunOptions {
  readonly teacher: Checkpoint;
  /** Its vision tower stays frozen; its text tower is not used. */
  readonly student: Checkpoint;
  readonly dataset: ImageTextDataset;
  /** Distilled on instead of `dataset`, with all its classes: the cross-data-set setting. */
  readonly target?: { readonly dataset: ImageTextDataset; readonly split: string };
  readonly recipe: Cvpr2024Recipe;
  /** State of both stages, the stored targets, and at the end `student/`; call again with the same folder to resume. */
  readonly runDir: string;
  /** State of the tuning, shared by runs with other targets; left out: inside the run folder. */
  readonly tuningDir?: string;
  readonly signal?: AbortSignal;
  readonly onStep?: (event: StepEvent & { readonly stage: 'tuning' | 'distillation' }) => void | Promise<void>;
  /** While the teacher's targets are extracted. */
  readonly onTargets?: (done: number, total: number) => void;
  readonly compile?: CompileOptions;
  readonly loader?: LoaderOptions;
}

export interface Cvpr2024Run {
  readonly teacher: PromptedTeacher;
  readonly student: VisualStudent;
  /** Checkpoint folder of the student. */
  readonly folder: string;
  /** The prompted teacher's text features of every class distilled on, novel ones too [classes, P], unit length. */
  readonly texts: HostTensor<Float32Array>;
  /** Seconds trained. */
  readonly seconds: { readonly tuning: number; readonly distillation: number };
}

/**
 * PromptKD as published (Li et al., arXiv 2403.02781): tunes the teacher's prompts on a few labelled images, computes its
 * class features once, and distils it into the student's visual prompts and projector without labels.
 *
 * @returns undefined where the signal stopped it; the same call continues
 * @throws UserError for a recipe that does not fit data or models, ranks that do not divide heads and hidden units, or a
 *   run folder of another run
 */
export async function cvpr2024(given: Cvpr2024RunOptions): Promise<Cvpr2024Run | undefined> {
  const { teacher, student, recipe, runDir, signal } = given;
  const { recompute, accumulate } = recipe;
  const engine = engineOptions(recipe, given.compile);
  const { compile = {} } = engine;
  ranksFor('teacher', teacher.config, compile);
  ranksFor('student', { vision_config: student.config.vision_config }, compile);
  const dataset = withSubset(given.dataset, recipe.data.split, recipe.data, recipe.seed);
  const { tuning, distillation, prompts, seed, augment } = recipe;
  const target = given.target ?? { dataset, split: recipe.data.split };
  const labels = [...target.dataset.classes.keys()];
  const isBase = (label: number) => !dataset.classes[label]!.novel;

  const tuned = await tuneTeacher({
    ...{ teacher, dataset, prompts, augment, seed, signal, engine, templates: tuning.templates },
    classes: [...dataset.classes.keys()].filter(isBase),
    examples: fewShot(labelledOf(dataset, recipe.data.split), tuning.shots, seed),
    training: {
      ...tuning,
      recompute,
      classesPerStep: tuning.classes_per_step,
      warmupLr: tuning.warmup_lr,
      weightDecay: tuning.weight_decay,
    },
    runDir: given.tuningDir ?? join(runDir, 'tuning'),
    loader: given.loader,
    onStep: (event) => given.onStep?.({ ...event, stage: 'tuning' }),
  });
  if (!tuned.finished) return undefined;
  const names = target.dataset.classes.map(({ name }) => name);
  const limit = teacher.config.text_config.max_position_embeddings;
  const texts = await teacherTextFeatures(
    tuned.teacher,
    promptedTexts(names, prompts, teacher.tokenizer, limit),
    given.compile, // they stay with the student: in fp32
  );

  const { projection_dim: width } = teacher.config;
  const base = given.target ? labels : labels.filter(isBase);
  const baseTexts = { shape: [base.length, width], data: new Float32Array(base.length * width) };
  gatherHostRows(texts.data, width, base, baseTexts.data);
  const visual = initVisualStudent(student, width, {
    n_ctx: prompts.n_ctx,
    depth: Math.min(prompts.depth, student.config.vision_config.num_hidden_layers),
    seed,
  });
  const images = await imageBatches({ ...given, target, compile }, tuned.teacher);
  if (!images) return undefined;
  const task = cvpr2024Task(
    visual,
    { texts: distillation.classes === 'all' ? texts : baseTexts, logitScale: teacher.params.logit_scale! },
    images.batches,
    { temperature: distillation.temperature, kdWeight: distillation.kd_weight, recompute },
    compile,
  );
  try {
    const seen = distillation.batch * accumulate; // a step
    const stepsPerEpoch = Math.floor(images.count / seen);
    const steps = distillation.epochs * stepsPerEpoch;
    const { finished, seconds, averaged } = await train(task, {
      ...engine,
      steps,
      optimizer: sgd(task.params, { momentum: distillation.momentum, weightDecay: distillation.weight_decay }),
      learningRate: warmupCosine({
        peak: distillation.lr,
        steps,
        warmupSteps: stepsPerEpoch,
        constantWarmup: distillation.warmup_lr,
      }),
      clipNorm: distillation.clip,
      runDir: join(runDir, 'distillation'),
      checkpointEvery: stepsPerEpoch,
      fingerprint: JSON.stringify({
        recipe,
        data: dataset.fingerprint,
        target: given.target && { data: target.dataset.fingerprint, split: target.split },
        teacher: hashParams({ ...teacher.params, ...tuned.teacher.prompts }),
        student: hashParams(student.params),
      }),
      signal,
      onStep: (event) => given.onStep?.({ ...event, stage: 'distillation' }),
    });
    if (!finished) return undefined;
    takeValues(task.params, averaged);
    const folder = join(runDir, 'student');
    await saveModel(folder, visualModel(student, visual, { names, features: texts }));
    await writeTrainingRecord(folder, { images_seen: steps * seen, train_seconds: Math.round(seconds) });
    return {
      teacher: tuned.teacher,
      student: visual,
      folder,
      texts,
      seconds: { tuning: tuned.seconds, distillation: seconds },
    };
  } finally {
    await images.dispose();
  }
}

/** The images of the distillation as the recipe wants the teacher's features; undefined where the signal stopped it. */
async function imageBatches(
  options: Cvpr2024RunOptions & Required<Pick<Cvpr2024RunOptions, 'target'>>,
  teacher: PromptedTeacher,
): Promise<{ batches: ImageBatches; count: number; dispose(): void | Promise<void> } | undefined> {
  const { target, recipe, runDir, signal, onTargets, compile, loader } = options;
  const { preprocess, tokenizer } = options.teacher;
  const { dataset } = target;
  const { distillation, augment, seed } = recipe;
  const { batch, views } = distillation;
  const examples = examplesOf(dataset, target.split);
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
    const images = await teacherImages(teacher, batch, compile);
    const seen = new ViewBatches(dataset, examples, { seed, batch, augment, preprocess, loader });
    const dispose = async () => {
      await Promise.all([images.dispose(), seen.dispose()]);
    };
    return { batches: own(liveBatches(seen, images)), count, dispose };
  }
  const { config, params, prompts } = teacher;
  const store = await ensureTargets({
    ...{ dataset, examples, views, augment, seed, signal, loader, hidden: [], attention: [] },
    teacher: teacherOf({ config, params, preprocess, tokenizer }, { prompts, compile }),
    dir: join(runDir, 'targets'),
    onProgress: onTargets,
  });
  if (store.complete) {
    const stored = storedBatches(store, preprocess, { seed, batch, views });
    return { batches: own(stored), count, dispose: () => store.close() };
  }
  store.close();
  return undefined;
}
