import { type AugmentOptions, unmixed } from '../augment/index.js';
import type { Checkpoint } from '../clip/index.js';
import type { ImageTextDataset, LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { hash, hashParams } from '../files/index.js';
import { type LoaderOptions, type UnreadableImage, ViewBatches } from '../loader/index.js';
import type { PromptedTeacher } from '../model/index.js';
import { type DeepPromptShape, initTeacherPrompts, promptedTexts, templateFeatures } from '../model/index.js';
import { epochCosine, type LoopOptions, type StepEvent, sgd, train } from '../train/index.js';
import { type TeacherPromptsOptions, teacherPromptsTask } from './teacher-prompts-task.js';

/** Options of {@link tuneTeacher}. */
export interface TuneTeacherOptions {
  readonly teacher: Checkpoint;
  readonly dataset: ImageTextDataset;
  /** The few labelled images. */
  readonly examples: readonly LabelledExample[];
  /** Labels of the classes that are told apart. */
  readonly classes: readonly number[];
  /** Templates of the frozen model's class features. */
  readonly templates: readonly string[];
  readonly prompts: DeepPromptShape;
  readonly training: Pick<TeacherPromptsOptions, 'epochs' | 'weights' | 'average' | 'recompute' | 'classesPerStep'> & {
    readonly batch: number;
    readonly lr: number;
    /** Rate of the first epoch. */
    readonly warmupLr: number;
    readonly momentum: number;
    readonly weightDecay: number;
  };
  /** Without its mixing: a mixed image has no label of its own. */
  readonly augment: AugmentOptions;
  readonly loader?: LoaderOptions;
  readonly seed: number;
  /** Where the state is kept; call again with the same folder to resume. */
  readonly runDir?: string;
  readonly signal?: AbortSignal;
  readonly onStep?: (event: StepEvent) => void | Promise<void>;
  /** With an average (EMA) of the prompts, the one over the epochs is of that. */
  readonly engine?: Pick<LoopOptions, 'accumulate' | 'ema' | 'compile'>;
}

/** A teacher with its prompts, as far as they are tuned. */
export interface TunedTeacher {
  readonly teacher: PromptedTeacher;
  /** False where the signal stopped it. */
  readonly finished: boolean;
  /** Updates done, and seconds trained, over all sittings. */
  readonly steps: number;
  readonly seconds: number;
  /** Images that could not be read; others stood in for them. */
  readonly unreadable: readonly UnreadableImage[];
}

/**
 * Tunes deep prompts in both towers of a frozen teacher on few labelled images: see `teacherPromptsTask`.
 *
 * @returns the teacher with its prompts averaged over the epochs; `finished` false where the signal stopped it
 * @throws UserError where the images are fewer than a batch, or the context has fewer than `n_ctx` tokens
 */
export async function tuneTeacher(options: TuneTeacherOptions): Promise<TunedTeacher> {
  const { teacher, dataset, examples, classes, training, seed, engine = {} } = options;
  const { accumulate = 1, compile } = engine;
  const { batch, epochs, classesPerStep } = training;
  const fewest = Math.min(batch, classes.length);
  if (classesPerStep !== undefined && classesPerStep < fewest) {
    throw new UserError(
      `tuning.classes_per_step: expected room for the labels of a batch, ${fewest}, got ${classesPerStep}`,
    );
  }
  const stepsPerEpoch = Math.floor(examples.length / (batch * accumulate));
  if (stepsPerEpoch === 0) {
    const step = accumulate > 1 ? `${accumulate} · ${batch} a step` : batch;
    throw new UserError(
      `tuning.batch: ${step} is more than the ${examples.length} labelled images; choose a smaller batch`,
    );
  }
  const { config, params, preprocess, tokenizer } = teacher;
  const tuned: PromptedTeacher = { config, params, prompts: initTeacherPrompts(teacher, options.prompts, seed) };
  const names = classes.map((label) => dataset.classes[label]!.name);
  const texts = {
    labels: classes,
    ...promptedTexts(names, options.prompts, tokenizer, config.text_config.max_position_embeddings),
    frozen: await templateFeatures(teacher, names, options.templates, { ...compile, raw: true }),
  };
  const { loader } = options;
  const augment = unmixed(options.augment);
  const views = new ViewBatches(dataset, examples, { seed, batch, group: compile?.group, augment, preprocess, loader });
  try {
    const task = teacherPromptsTask(tuned, texts, views, { ...training, seed, stepsPerEpoch }, compile);
    const { finished, step, seconds } = await train(task, {
      ...engine,
      steps: epochs * stepsPerEpoch,
      optimizer: sgd(task.params, { momentum: training.momentum, weightDecay: training.weightDecay }),
      learningRate: epochCosine({ peak: training.lr, first: training.warmupLr, epochs, stepsPerEpoch }),
      runDir: options.runDir,
      checkpointEvery: stepsPerEpoch,
      fingerprint: fingerprint(options),
      signal: options.signal,
      onStep: options.onStep,
    });
    const prompts = finished ? task.averaged : tuned.prompts;
    const { unreadable } = views;
    return { teacher: { ...tuned, prompts }, finished, steps: step, seconds, unreadable };
  } finally {
    await views.dispose();
  }
}

function fingerprint({ teacher, dataset, examples, classes, ...options }: TuneTeacherOptions): string {
  const { templates, prompts, training, augment, seed, engine: { accumulate, ema, compile } = {} } = options;
  return JSON.stringify({
    teacher: hashParams(teacher.params),
    data: dataset.fingerprint,
    examples: hash(examples.map((e) => e.id).join('\n')),
    ...{ classes, templates, prompts, training, augment, seed, accumulate, ema, precision: compile?.precision },
  });
}
