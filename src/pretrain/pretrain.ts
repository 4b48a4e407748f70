import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SayOptions, saidByModels } from '../augment/index.js';
import {
  type Checkpoint,
  type ClipConfig,
  clipPreprocess,
  type DownloadOptions,
  initClip,
  loadCheckpoint,
  parseClipConfig,
  saveCheckpoint,
  type Tokenizer,
  tokenizeAll,
  tokenizerFromJson,
  trainTokenizer,
  withImageSize,
  withTextLength,
} from '../clip/index.js';
import { captionsOf, examplesOf, type ImageTextDataset, isLabelled, openDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { ensureFolder, readJson, writeFileAtomic } from '../files/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { copyParams } from '../nn/index.js';
import type { CompileOptions, Device } from '../runtime/index.js';
import { show } from '../schema-issue.js';
import type { Task } from '../train/index.js';
import {
  adamw,
  engineOptions,
  openExecutor,
  readTrainingRecord,
  type StepEvent,
  type TrainResult,
  train,
  warmupCosine,
  writeTrainingRecord,
} from '../train/index.js';

import { ContrastiveBatches } from './contrastive-batches.js';
import { contrastiveTask } from './contrastive-task.js';
import type { PretrainRecipe } from './pretrain-recipe.js';
import { type ProbeResult, zeroShotProbe } from './zero-shot-probe.js';

export interface PretrainOptions extends DownloadOptions {
  readonly recipe: PretrainRecipe;
  /** State, log and model go here; a run that was stopped goes on from here. */
  readonly runDir: string;
  /** Given instead of opening `recipe.data.dataset`. */
  readonly dataset?: ImageTextDataset;
  readonly device?: Device;
  readonly threads?: number;
  /** Tensor parallelism: over how many workers the training step is split. @defaultValue 1 */
  readonly ranks?: number;
  readonly loader?: LoaderOptions;
  readonly signal?: AbortSignal;
  /** While models say the captions another way. */
  readonly onTexts?: SayOptions['onTexts'];
  /** After every step; with the accuracy where it was measured. */
  readonly onStep?: (event: PretrainEvent) => void;
}

export interface PretrainEvent extends StepEvent {
  readonly accuracy?: ProbeResult;
}

export interface PretrainResult {
  readonly finished: boolean;
  readonly step: number;
  readonly seconds: number;
  /** Hugging Face checkpoint folder with the averaged weights in fp16. */
  readonly modelDir: string;
  /** Quick zero-shot accuracy of the averaged weights; left out where no picture's class is known. */
  readonly accuracy?: ProbeResult;
}

/**
 * Trains a CLIP model with the symmetric contrastive loss, or trains one further.
 *
 * Writes into `runDir`: `state.safetensors` (to resume), `log.jsonl` (a line every 10 steps) and `model/`, a
 * Hugging Face checkpoint folder that is renewed at every evaluation.
 *
 * @throws UserError for data that does not fit the recipe, or a run folder that holds another run
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  const { recipe, runDir, device, threads } = options;
  await ensureFolder(runDir);
  const { split } = recipe.data;
  const whole = options.dataset ?? (await openDataset(recipe.data.dataset));
  const dataset = withSubset(whole, split, recipe.data, recipe.seed);
  const start = recipe.from ? await trainedModel(recipe.from, recipe, options) : await freshModel(recipe, dataset);
  const { config, params, preprocess, tokenizer } = start;
  const context = contextLength(start, dataset, recipe);
  const { batch, seed, optimizer } = recipe;

  const models = recipe.augment.text?.models;
  const batches = new ContrastiveBatches(dataset, {
    sayings: models && (await saidByModels(captionsOf(examplesOf(dataset, split)), models, options)),
    batch,
    context,
    seed,
    preprocess,
    tokenizer,
    split,
    augment: recipe.augment,
    loader: options.loader,
  });
  const engine = engineOptions(recipe, { device, threads, ranks: options.ranks });
  const task = contrastiveTask(config, params, batches, {
    batch,
    context,
    recompute: recipe.recompute,
    compile: engine.compile,
    smoothing: recipe.label_smoothing,
  });
  const labelled = examplesOf(dataset, recipe.evaluation.split).some(isLabelled);
  const probe = labelled
    ? await zeroShotProbe(config, params, dataset, {
        ...recipe.evaluation,
        context,
        preprocess,
        tokenizer,
        device,
        threads,
      })
    : undefined;
  const steps = await countSteps(recipe, runDir, task, engine);
  const log = new Log(join(runDir, 'log.jsonl'));
  const modelDir = join(runDir, 'model');
  const before = (recipe.from && readTrainingRecord(recipe.from)) || { images_seen: 0, train_seconds: 0 };
  type Position = Pick<TrainResult, 'step' | 'seconds' | 'averaged'>;
  const publish = async ({ step, seconds, averaged }: Position) => {
    await saveCheckpoint(modelDir, { ...start, params: averaged }, { dtype: 'F16' });
    await writeTrainingRecord(modelDir, {
      images_seen: before.images_seen + step * batch * recipe.accumulate,
      train_seconds: Math.round(before.train_seconds + seconds),
    });
  };

  let measured: { readonly step: number; readonly accuracy?: ProbeResult } | undefined;
  /** At an evaluation step, and at the end, which may be the same. */
  const measure = async (at: Position) => {
    if (measured?.step !== at.step) {
      measured = { step: at.step, accuracy: await probe?.measure(at.averaged) };
      await publish(at);
    }
    return measured.accuracy;
  };

  const result = await train(task, {
    ...engine,
    steps,
    optimizer: adamw(params, {
      beta1: optimizer.beta1,
      beta2: optimizer.beta2,
      epsilon: optimizer.epsilon,
      weightDecay: optimizer.weight_decay,
    }),
    learningRate: warmupCosine({
      peak: optimizer.lr,
      floor: optimizer.final_lr,
      warmupSteps: optimizer.warmup_steps,
      steps,
    }),
    clipNorm: optimizer.clip,
    runDir,
    checkpointEvery: recipe.checkpoint_every,
    lookEvery: recipe.evaluation.every,
    fingerprint: fingerprint(recipe, dataset),
    signal: options.signal,
    onStep: async (event) => {
      const evaluates = event.step % recipe.evaluation.every === 0;
      const accuracy = evaluates ? await measure({ ...event, averaged: await event.averaged() }) : undefined;
      if (accuracy || event.step % 10 === 0 || event.step === 1) await log.write(event, accuracy);
      options.onStep?.({ ...event, accuracy });
    },
  });
  const accuracy = await measure(result);
  await Promise.all([probe?.dispose(), batches.dispose()]);
  return { finished: result.finished, step: result.step, seconds: result.seconds, modelDir, accuracy };
}

async function trainedModel(
  idOrFolder: string,
  { image_size: size, context }: PretrainRecipe,
  options: DownloadOptions,
): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(idOrFolder, options);
  const longer = context === undefined ? checkpoint : withTextLength(checkpoint, context);
  return size === undefined ? longer : withImageSize(longer, size);
}

/** Random weights, and a tokenizer trained on the captions of the training split. */
async function freshModel(recipe: PretrainRecipe, dataset: ImageTextDataset): Promise<Checkpoint> {
  const captions = captionsOf(examplesOf(dataset, recipe.data.split));
  const tokenizer = tokenizerFromJson(trainTokenizer([...captions], recipe.model.text.vocab_size));
  const config = clipConfig(recipe, tokenizer);
  return {
    config,
    params: initClip(config, recipe.seed),
    preprocess: clipPreprocess(recipe.model.vision.image_size),
    tokenizer,
  };
}

/** The recipe's architecture as a Hugging Face configuration. */
function clipConfig({ model }: PretrainRecipe, tokenizer: Tokenizer): ClipConfig {
  const shared = (tower: PretrainRecipe['model']['vision' | 'text']) => ({
    ...tower,
    intermediate_size: tower.intermediate_size ?? 4 * tower.hidden_size,
    hidden_act: model.hidden_act,
  });
  const json = {
    projection_dim: model.projection_dim,
    logit_scale_init_value: Math.log(1 / 0.07), // Radford et al. 2021, section 2.5
    vision_config: shared(model.vision),
    text_config: {
      ...shared(model.text),
      vocab_size: tokenizer.vocabSize,
      bos_token_id: tokenizer.startId,
      eos_token_id: tokenizer.endId,
      pad_token_id: tokenizer.padId,
    },
  };
  return parseClipConfig(json, 'recipe: model');
}

/** The recipe's steps; for a recipe in minutes, as many as fit by the time of a few, counted once a run. */
async function countSteps(
  recipe: PretrainRecipe,
  runDir: string,
  task: Task,
  { accumulate, compile }: { readonly accumulate?: number; readonly compile?: CompileOptions },
): Promise<number> {
  if (recipe.minutes === undefined) return recipe.steps;
  const path = join(runDir, 'length.json');
  if (existsSync(path)) {
    const { steps } = ((await readJson(path)) ?? {}) as { steps?: unknown };
    if (Number.isSafeInteger(steps) && (steps as number) > 0) return steps as number;
    throw new UserError(
      `${path}: steps: expected a number above 0, got ${show(steps)}: begin the run anew, or restore the file`,
    );
  }
  // On copies: these updates are not the run's.
  const params = copyParams(task.params);
  const executor = await openExecutor(
    { ...task, params },
    { accumulate, compile, optimizer: adamw(params), learningRate: () => 0 },
  );
  await executor.run(0, executor.stepsAtOnce); // the first is slow: images are read, buffers are made
  const count = Math.max(3, executor.stepsAtOnce);
  const started = performance.now();
  for (let step = 0; step < count; step += executor.stepsAtOnce) await executor.run(step, executor.stepsAtOnce);
  const secondsPerStep = (performance.now() - started) / 1000 / count;
  await executor.dispose();
  const steps = Math.max(1, Math.floor((recipe.minutes * 60) / secondsPerStep));
  await writeFileAtomic(path, `${JSON.stringify({ minutes: recipe.minutes, steps })}\n`);
  return steps;
}

/** Tokens of the longest text of the run, and some more where texts are said in other ways: padding would only be computed. */
function contextLength({ config, tokenizer }: Checkpoint, dataset: ImageTextDataset, recipe: PretrainRecipe): number {
  const captions = examplesOf(dataset, recipe.data.split).flatMap((example) => example.captions);
  const classes = dataset.classes.map(({ name }) => recipe.evaluation.template.replace('{}', name));
  const texts = [...new Set([...captions, ...classes])];
  const { max_position_embeddings: most } = config.text_config;
  return Math.min(most, tokenizeAll(tokenizer, texts, most).length + (recipe.augment.text ? 4 : 0));
}

/** What decides the bits of the result. How often it is looked at does not. */
function fingerprint(recipe: PretrainRecipe, dataset: ImageTextDataset): string {
  const { evaluation: _, checkpoint_every: __, ...decisive } = recipe;
  return JSON.stringify({ ...decisive, dataset: dataset.fingerprint });
}

/** The training log; lines of steps that a resumed run does again are dropped. */
class Log {
  private ready = false;
  constructor(private readonly path: string) {}

  async write({ step, losses, learningRate, gradientNorm, imagesPerSecond }: StepEvent, accuracy?: ProbeResult) {
    if (!this.ready && existsSync(this.path)) {
      const lines = (await readFile(this.path, 'utf8')).split('\n').filter(Boolean);
      const before = lines.filter((line) => (JSON.parse(line) as { step: number }).step < step);
      await writeFileAtomic(this.path, before.map((line) => `${line}\n`).join(''));
    }
    this.ready = true;
    const line = {
      step,
      loss: round(losses.total!),
      logit_scale: round(losses.scale!),
      learning_rate: round(learningRate),
      gradient_norm: round(gradientNorm),
      images_per_second: round(imagesPerSecond),
      ...accuracy,
    };
    await appendFile(this.path, `${JSON.stringify(line)}\n`);
  }
}

const round = (x: number) => Number(x.toPrecision(5));
