import { type AugmentOptions, unmixed } from '../augment/index.js';
import { type Checkpoint, type Tokenizer, tokenizeAll } from '../clip/index.js';
import type { ImageTextDataset, LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import type { LoaderOptions } from '../loader/index.js';
import type { Params } from '../nn/index.js';
import { classText, initDeepPrompts } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import { hash, hashParams } from './fingerprint.js';
import { ViewBatches } from './image-batches.js';
import { type StepEvent, train } from './loop.js';
import { type PromptedTeacher, teacherTextFeatures } from './prompted-teacher.js';
import { warmupCosine } from './schedule.js';
import { sgd } from './sgd.js';
import { type TeacherPromptsOptions, teacherPromptsTask } from './teacher-prompts-task.js';

/** Deep prompts of a model; towers with fewer layers than `depth` get one set a layer. */
export interface DeepPromptShape {
  /** Prompt vectors a layer. */
  readonly n_ctx: number;
  readonly depth: number;
  /** Words that the first text prompts start as, `n_ctx` tokens; left out: at random. */
  readonly context?: string;
}

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
  /** Without its mixing: a mixed picture has no label of its own. */
  readonly augment: AugmentOptions;
  readonly loader?: LoaderOptions;
  readonly seed: number;
  /** Where the state is kept; call again with the same folder to resume. */
  readonly runDir?: string;
  readonly signal?: AbortSignal;
  readonly onStep?: (event: StepEvent) => void | Promise<void>;
  readonly compile?: CompileOptions;
}

/**
 * Tunes deep prompts in both towers of a frozen teacher on few labelled images: see `teacherPromptsTask`.
 *
 * @returns the teacher with its prompts averaged over the epochs; `finished` false where the signal stopped it
 * @throws UserError where the images are fewer than a batch, or the context is not of `n_ctx` tokens
 */
export async function tuneTeacher(
  options: TuneTeacherOptions,
): Promise<{ teacher: PromptedTeacher; finished: boolean; seconds: number }> {
  const { teacher, dataset, examples, classes, training, seed } = options;
  const { batch, epochs, classesPerStep } = training;
  const fewest = Math.min(batch, classes.length);
  if (classesPerStep < fewest) {
    throw new UserError(
      `tuning.classes_per_step: expected room for the labels of a batch, ${fewest}, got ${classesPerStep}`,
    );
  }
  const stepsPerEpoch = Math.floor(examples.length / batch);
  if (stepsPerEpoch === 0) {
    throw new UserError(
      `teacher.batch: ${batch} is more than the ${examples.length} labelled images; choose a smaller batch`,
    );
  }
  const { config, params, preprocess, tokenizer } = teacher;
  const tuned: PromptedTeacher = { config, params, prompts: initTeacherPrompts(teacher, options.prompts, seed) };
  const names = classes.map((label) => dataset.classes[label]!.name);
  const texts = {
    labels: classes,
    ...promptedTexts(names, options.prompts, tokenizer, config.text_config.max_position_embeddings),
    frozen: await templateFeatures(teacher, names, options.templates, options.compile),
  };
  const { loader } = options;
  const views = new ViewBatches(dataset, examples, {
    seed,
    batch,
    augment: unmixed(options.augment),
    preprocess,
    loader,
  });
  const task = await teacherPromptsTask(tuned, texts, views, { ...training, seed, stepsPerEpoch }, options.compile);
  try {
    const { finished, seconds } = await train(task, {
      steps: epochs * stepsPerEpoch,
      optimizer: sgd(task.params, { momentum: training.momentum, weightDecay: training.weightDecay }),
      learningRate: warmupCosine({
        peak: training.lr,
        steps: epochs * stepsPerEpoch,
        warmupSteps: stepsPerEpoch,
        constantWarmup: training.warmupLr,
      }),
      runDir: options.runDir,
      checkpointEvery: stepsPerEpoch,
      fingerprint: fingerprint(options),
      signal: options.signal,
      onStep: options.onStep,
    });
    return { teacher: { ...tuned, prompts: finished ? task.averaged : tuned.prompts }, finished, seconds };
  } finally {
    await Promise.all([task.dispose(), views.dispose()]);
  }
}

/** A teacher's prompts as they start: see `initDeepPrompts`; the first text prompts are the context's words. */
export function initTeacherPrompts(teacher: Checkpoint, shape: DeepPromptShape, seed: number): Params {
  const { vision_config: vision, text_config: text } = teacher.config;
  const of = (tower: 'vision' | 'text', { hidden_size, num_hidden_layers }: typeof vision | typeof text) =>
    initDeepPrompts(
      tower,
      { n_ctx: shape.n_ctx, depth: Math.min(shape.depth, num_hidden_layers), width: hidden_size },
      seed,
    );
  const prompts = { ...of('vision', vision), ...of('text', text) };
  if (shape.context === undefined || !prompts['text.0']) return prompts;
  const table = teacher.params['text_model.embeddings.token_embedding.weight']!.data;
  const width = text.hidden_size;
  for (const [i, id] of contextTokens(shape, teacher.tokenizer).entries()) {
    prompts['text.0'].data.set(table.subarray(id * width, (id + 1) * width), i * width);
  }
  return prompts;
}

/**
 * Class names as the prompted text tower reads them: `n_ctx` tokens that the prompts replace, the name and a full stop,
 * as CoOp writes them (Zhou et al., arXiv 2109.01134).
 */
export function promptedTexts(
  names: readonly string[],
  shape: DeepPromptShape,
  tokenizer: Tokenizer,
  limit: number,
): { ids: HostTensor; ends: HostTensor } {
  const context = shape.context ?? Array(shape.n_ctx).fill('x').join(' ');
  contextTokens({ ...shape, context }, tokenizer);
  return tokenized(
    tokenizer,
    names.map((name) => `${context} ${name}.`),
    limit,
  );
}

function tokenized(tokenizer: Tokenizer, texts: readonly string[], limit: number) {
  const { ids, ends, length } = tokenizeAll(tokenizer, texts, limit);
  return { ids: { shape: [texts.length, length], data: ids }, ends: { shape: [texts.length], data: ends } };
}

function contextTokens({ n_ctx, context }: DeepPromptShape, tokenizer: Tokenizer): number[] {
  const tokens = tokenizer.tokens(context!);
  if (tokens.length === n_ctx) return tokens;
  throw new UserError(
    `prompts.context: expected ${n_ctx} tokens (prompts.n_ctx), got ${tokens.length} of "${context}": change one of them`,
  );
}

/** The frozen model's class features [N, P]: the mean over templates (`{}` or `[OBJ]` stands for the name) of unit features. */
export async function templateFeatures(
  { config, params, tokenizer }: Checkpoint,
  names: readonly string[],
  templates: readonly string[],
  options?: CompileOptions,
): Promise<HostTensor<Float32Array>> {
  const limit = config.text_config.max_position_embeddings;
  const texts = templates.flatMap((template) => names.map((name) => classText(template, name)));
  const { data } = await teacherTextFeatures(
    { config, params, prompts: {} },
    tokenized(tokenizer, texts, limit),
    options,
  );
  const mean = new Float32Array(names.length * config.projection_dim);
  for (const [i, x] of data.entries()) mean[i % mean.length]! += x / templates.length;
  return { shape: [names.length, config.projection_dim], data: mean };
}

function fingerprint({ teacher, dataset, examples, classes, ...options }: TuneTeacherOptions): string {
  const { templates, prompts, training, augment, seed, compile } = options;
  return JSON.stringify({
    teacher: hashParams(teacher.params),
    data: dataset.fingerprint,
    examples: hash(examples.map((e) => e.id).join('\n')),
    ...{ classes, templates, prompts, training, augment, seed, precision: compile?.precision },
  });
}
