import { join } from 'node:path';
import { saidByModels } from '../augment/index.js';
import {
  type Checkpoint,
  type ClipConfig,
  clipPreprocess,
  type DownloadOptions,
  initClip,
  parseClipConfig,
  saveCheckpoint,
  type Tokenizer,
  tokenizeAll,
  tokenizerFromJson,
  trainTokenizer,
  withImageSize,
  withTextLength,
} from '../clip/index.js';
import { captionsOf, examplesOf, type ImageTextDataset, openDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { heldOutSplit, Probe } from '../evaluate/index.js';
import { leads } from '../group/index.js';
import type { LoaderOptions } from '../loader/index.js';
import {
  fillModelFolder,
  loadModelCheckpoint,
  type TrainingRecord,
  trainingOf,
  writeTrainingRecord,
} from '../model/index.js';
import { classText, trainingTemplates, withClassCaptions } from '../prompt/index.js';
import {
  adamw,
  engineOptions,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunEvaluation,
  type RunOptions,
  type RunResult,
  roundsOf,
  type Task,
  type TrainResult,
  train,
  Validation,
  warmupCosine,
} from '../train/index.js';

import { ContrastiveBatches } from './contrastive-batches.js';
import { contrastiveTask } from './contrastive-task.js';
import { countSteps } from './count-steps.js';
import type { PretrainRecipe } from './pretrain-recipe.js';

/** Options of {@link pretrain}. */
export interface PretrainOptions extends RunOptions<PretrainRecipe>, DownloadOptions {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  /** Given instead of opening `recipe.data.dataset`. */
  readonly dataset?: ImageTextDataset;
}

/** Its folder is a Hugging Face checkpoint with the averaged weights in fp16. */
export interface PretrainResult extends RunResult {
  /** Quick zero-shot accuracy of the averaged weights, or R@k where there are captions alone; left out where not measured. */
  readonly evaluation?: RunEvaluation;
  /** The evaluation that was the best, and the checkpoint folder of the weights as they were then. */
  readonly best?: PlacedEvaluation & { readonly folder: string };
}

/**
 * Trains a CLIP model with the symmetric contrastive loss, or trains one further; a SigLIP by its sigmoid loss.
 *
 * Writes into `runDir`: `state.safetensors` (to resume), `history.jsonl`, `run.json`, `model/`, a Hugging Face checkpoint
 * folder that is renewed at every evaluation, and `best/`, the one of the best evaluation.
 *
 * @throws UserError for data that does not fit the recipe, or a run folder that holds another run or is in use
 */
export async function pretrain(given: PretrainOptions): Promise<PretrainResult> {
  const whole = given.dataset ?? (await openDataset(given.recipe.data.dataset));
  const options = { ...given, recipe: withTemplates(given.recipe, whole) };
  const { recipe } = options;
  const dataset = withSubset(whole, recipe.data.split, recipe.data, recipe.seed);
  const { name, fingerprint } = dataset;
  return inRun({ command: 'pretrain', data: { name, fingerprint } }, options, (run) =>
    pretrainIn(run, dataset, options),
  );
}

/** What is trained, and what it is fed. */
export interface PreparedPretraining {
  readonly start: Checkpoint;
  /** Token positions of a text. */
  readonly context: number;
  readonly batches: ContrastiveBatches;
  readonly task: Task;
}

/**
 * The model at its start, its batches and its task.
 *
 * @param own holds what is to be disposed of, however this ends
 * @throws UserError for data that does not fit the recipe
 */
export async function preparePretraining(
  given: ImageTextDataset,
  options: PretrainOptions,
  own: Run['own'],
): Promise<PreparedPretraining> {
  const { onProgress } = options;
  const recipe = withTemplates(options.recipe, given);
  const dataset = withClassCaptions(given, recipe.templates);
  const { batch, seed } = recipe;
  const { split } = recipe.data;
  const start = recipe.from ? await trainedModel(recipe.from, recipe, options) : await freshModel(recipe, dataset);
  const { config, params, preprocess, tokenizer } = start;
  const context = contextLength(start, dataset, recipe);
  const models = recipe.augment.text?.models;
  const onTexts = (what: string, step: number, steps: number) =>
    void onProgress?.({ phase: `texts ${what}`, step, steps });
  const batches = own(
    new ContrastiveBatches(dataset, {
      sayings: models && (await saidByModels(captionsOf(examplesOf(dataset, split)), models, { ...options, onTexts })),
      batch,
      group: options.engine?.group,
      context,
      seed,
      preprocess,
      tokenizer,
      split,
      augment: recipe.augment,
      loader: options.loader,
    }),
  );
  const task = contrastiveTask(config, params, batches, {
    batch,
    context,
    recompute: recipe.recompute,
    compile: engineOptions(recipe, options.engine).compile,
    smoothing: recipe.label_smoothing,
  });
  return { start, context, batches, task };
}

const phase = 'pretrain';

async function pretrainIn(run: Run, dataset: ImageTextDataset, options: PretrainOptions) {
  const { recipe, runDir, onProgress, onMessage } = options;
  const { batch, optimizer, evaluation } = recipe;
  const engine = engineOptions(recipe, options.engine);
  const { device, threads } = options.engine ?? {};
  await onProgress?.({ phase: 'preparing', step: 0, steps: 0 });
  const { start, batches, task } = await preparePretraining(dataset, options, (thing) => run.own(thing));
  const { params } = start;
  const held = { trained: recipe.data.split, wanted: evaluation.split };
  const split = evaluation.every > 0 ? heldOutSplit(dataset, held, onMessage) : undefined;
  const { images } = evaluation;
  const { group } = options.engine ?? {};
  // Of several processes the first one measures; the others wait for it in the next step.
  const probe =
    split === undefined || !leads(group)
      ? undefined
      : await Probe.open(dataset, start, { split, images, templates: recipe.templates! });
  if (options.rounds && recipe.minutes !== undefined)
    throw new UserError(
      'minutes: every replica would count steps of its own: set steps instead, and leave minutes out',
    );
  const seen = batch * recipe.accumulate; // a step
  const steps = await countSteps(recipe, runDir, task, engine);
  const folder = join(runDir, 'model');
  const before: TrainingRecord = learnedFrom(recipe) ?? { images_seen: 0, train_seconds: 0 };
  type Position = Pick<TrainResult, 'step' | 'seconds' | 'averaged'>;
  const publish = async (to: string, { step, seconds, averaged }: Position) => {
    const record = {
      images_seen: before.images_seen + step * seen,
      train_seconds: Math.round(before.train_seconds + seconds),
      templates: recipe.templates,
    };
    await fillModelFolder(to, async (unfinished) => [
      await writeTrainingRecord(unfinished, record),
      ...(await saveCheckpoint(unfinished, { ...start, params: averaged }, { dtype: 'F16' })),
    ]);
  };
  const bestFolder = join(runDir, 'best');
  const validation = new Validation(run.history, phase, evaluation.patience);
  let last: { readonly step: number; readonly evaluation?: RunEvaluation } | undefined;
  /** At an evaluation step, and where the run stops: there it does not count as the best, as a run not stopped there has none. */
  const measure = async (at: Position, counts: boolean): Promise<RunEvaluation | undefined> => {
    if (last?.step === at.step) return last.evaluation;
    const found = await probe?.measure({ ...start, params: at.averaged }, { device, threads });
    const shown = found && { split: split!, images: probe!.images, ...found };
    last = { step: at.step, evaluation: shown };
    if (!leads(group)) return undefined;
    await publish(folder, at);
    if (shown && counts && validation.note(shown, at.step)) await publish(bestFolder, at);
    return shown;
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
    lookEvery: evaluation.every || undefined,
    endsAfter: (step) => validation.isExhausted(step),
    fingerprint: identityOf(recipe, dataset),
    rounds: roundsOf(options.rounds, phase),
    signal: options.signal,
    onStep: async (event) => {
      const evaluates = evaluation.every > 0 && (event.step % evaluation.every === 0 || event.step === event.steps);
      const shown = evaluates ? await measure({ ...event, averaged: await event.averaged() }, true) : undefined;
      await run.step({ phase, firstStep: 0, overallSteps: steps }, event, shown);
    },
  });
  const shown = await measure(result, result.finished);
  run.skip(batches.unreadable);
  const { finished, step, seconds } = result;
  const best = validation.best(step);
  const made: PretrainResult = {
    ...{ folder, finished, steps: step, seconds, imagesSeen: step * seen, evaluation: shown },
    ...(best && { best: { ...best, folder: bestFolder } }),
  };
  return { result: made, figures: { evaluation: shown, best } };
}

const learnedFrom = ({ from }: PretrainRecipe): TrainingRecord | undefined =>
  from === undefined ? undefined : trainingOf(from);

/** The recipe with its class templates, which a recipe may leave to data and `from`. */
function withTemplates(recipe: PretrainRecipe, dataset: ImageTextDataset) {
  return { ...recipe, templates: [...trainingTemplates(recipe.templates, dataset, learnedFrom(recipe)?.templates)] };
}

async function trainedModel(
  idOrFolder: string,
  { image_size: size, context }: PretrainRecipe,
  options: DownloadOptions,
): Promise<Checkpoint> {
  const checkpoint = await loadModelCheckpoint(idOrFolder, options);
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

/** Tokens of the longest text of the run, and some more where texts are said in other ways: padding would only be computed. */
function contextLength(
  { config, tokenizer }: Checkpoint,
  dataset: ImageTextDataset,
  recipe: PretrainRecipe & { readonly templates: readonly string[] },
): number {
  const captions = examplesOf(dataset, recipe.data.split).flatMap((example) => example.captions);
  const classes = dataset.classes.flatMap(({ name }) => recipe.templates.map((template) => classText(template, name)));
  const texts = [...new Set([...captions, ...classes])];
  const { max_position_embeddings: most } = config.text_config;
  return Math.min(most, tokenizeAll(tokenizer, texts, most).length + (recipe.augment.text ? 4 : 0));
}

/** What decides the bits of the result. How often it is looked at does not. */
function identityOf(recipe: PretrainRecipe, dataset: ImageTextDataset): string {
  const { evaluation: _, checkpoint_every: __, ...decisive } = recipe;
  return JSON.stringify({ ...decisive, dataset: dataset.fingerprint });
}
