import { join } from 'node:path';
import { type Checkpoint, saveCheckpoint, tokenizeAll } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, isLabelled, labelledOf, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { heldOutSplit, Probe } from '../evaluate/index.js';
import { hashParams } from '../files/index.js';
import { leads, madeByFirst } from '../group/index.js';
import { type LoaderOptions, PixelBlocks, ViewBatches } from '../loader/index.js';
import { dots, toUnitRows } from '../math/index.js';

import {
  fillModelFolder,
  ranksFor,
  type TowerModel,
  teacherImages,
  templateFeatures,
  textRoom,
  usualTemplates,
  writeTrainingRecord,
} from '../model/index.js';
import type { Params } from '../nn/index.js';

import {
  classText,
  initPromptEncoder,
  promptConfig,
  promptFile,
  type SavedPrompts,
  savePrompts,
  taskPrompts,
} from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import {
  adamw,
  engineOptions,
  evaluationsOf,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunEvaluation,
  type RunFigures,
  type RunOptions,
  type RunResult,
  roundsOf,
  type StepEvent,
  takeValues,
  train,
  Validation,
  warmupCosine,
} from '../train/index.js';
import { pseudoLabels } from './pseudo-labels.js';
import type { TunePromptsRecipe } from './tune-prompts-recipe.js';
import { type TaskTexts, tunePromptsTask } from './tune-prompts-task.js';
import { startFromTypicalTokens } from './typical-tokens.js';

/** Options of {@link tunePrompts}. */
export interface TunePromptsOptions extends RunOptions<TunePromptsRecipe> {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  /** Frozen; the prompts are learned for it. */
  readonly model: Checkpoint & Pick<TowerModel, 'training'>;
  readonly dataset: ImageTextDataset;
}

/** Its folder is a checkpoint of the model with its prompts. */
export interface TunePromptsResult extends RunResult {
  readonly images: number;
  /** Images whose label or pseudo-label was taken, and of how many classes they are. */
  readonly labelled: { readonly images: number; readonly classes: number };
  /** Of the pseudo-labels, the share that is right, where the data knows; for the report alone. */
  readonly pseudoAccuracy?: number;
  readonly prompts: SavedPrompts;
  /** Where the recipe wants evaluations: of the model without prompts, with the finished ones, and at its best. */
  readonly validation?: {
    readonly before: RunFigures;
    readonly last: RunEvaluation;
    /** With the checkpoint folder of the model with the prompts as they were then. */
    readonly best: PlacedEvaluation & { readonly folder: string };
  };
}

/**
 * Learns prompts and their encoder for a frozen model, from labels or, with `unlabelled` or where there are none, from images alone: see
 * `tunePromptsTask` and `pseudoLabels`. Images and their order, classes and steps are the same both ways.
 *
 * @throws the signal's reason where it is aborted while pseudo-labels are made, before anything is trained
 * @throws UserError where no pseudo-label is sure enough, the split is smaller than a batch, ranks do not divide heads and
 *   hidden units, or the run folder holds another run or is in use
 */
export async function tunePrompts(given: TunePromptsOptions): Promise<TunePromptsResult> {
  const recipeAsRun = withUnlabelled(given.recipe, given.dataset);
  if (recipeAsRun !== given.recipe)
    given.onMessage?.(
      `${given.dataset.name} has no labels: prompts are learned from the model's own confident answers`,
    );
  const options = { ...given, recipe: { ...recipeAsRun, templates: [...templatesOf(given)] } };
  const { model, recipe, engine } = options;
  ranksFor('model', model.config, engine);
  const dataset = withSubset(options.dataset, recipe.data.split, recipe.data, recipe.seed);
  const { name, fingerprint } = dataset;
  return inRun({ command: 'tune-prompts', data: { name, fingerprint } }, options, async (run) => {
    const result = await tunePromptsIn(run, dataset, options);
    const { images, labelled, pseudoAccuracy, validation } = result;
    const { before, last: evaluation, best } = validation ?? {};
    return {
      result,
      figures: { images, labelled, pseudo_accuracy: pseudoAccuracy, ...(validation && { before, evaluation, best }) },
    };
  });
}

/** The recipe for data of which no image that is trained on has a label: the model's confident answers serve as labels. */
export function withUnlabelled(recipe: TunePromptsRecipe, dataset: ImageTextDataset): TunePromptsRecipe {
  const examples = examplesOf(dataset, recipe.data.split);
  return recipe.unlabelled || dataset.classes.length === 0 || examples.some(isLabelled)
    ? recipe
    : { ...recipe, unlabelled: true };
}

const templatesOf = ({ recipe, model, dataset }: TunePromptsOptions): readonly string[] =>
  recipe.templates ?? usualTemplates(model, dataset).templates;

/**
 * Classes, images and the model's own features of the classes.
 *
 * @throws UserError where there are too few of either
 */
export async function preparePromptTuning(dataset: ImageTextDataset, options: TunePromptsOptions) {
  const { recipe } = options;
  const { split } = recipe.data;
  const classes = taskClasses(dataset);
  const examples = recipe.unlabelled
    ? examplesOf(dataset, split)
    : labelledOf(dataset, split).filter(({ label }) => classes.includes(label));
  checkSizes(recipe, examples.length, classes.length, `${dataset.name}/${split}`);

  const names = classes.map((label) => dataset.classes[label]!.name);
  const templates = templatesOf({ ...options, dataset });
  const frozen = await templateFeatures(options.model, names, templates, options.engine);
  return { classes, examples, names, templates, frozen };
}

type PromptTuning = Awaited<ReturnType<typeof preparePromptTuning>>;

/**
 * The task of learning prompts from labels or pseudo-labels, one of `classes` an image or −1.
 *
 * @param own holds what is to be disposed of, however this ends
 */
export async function promptTuningTask(
  dataset: ImageTextDataset,
  { examples, names, templates, frozen }: PromptTuning,
  found: readonly number[],
  options: TunePromptsOptions,
  own: Run['own'],
) {
  const { model, recipe } = options;
  const taken = found.filter((column) => column >= 0);
  const { config, preprocess, tokenizer } = model;
  const { n_ctx } = recipe.prompts;
  const texts = templates.flatMap((template) => names.map((name) => classText(template, name)));
  const room = textRoom(config.text_config.max_position_embeddings, n_ctx);
  const read = tokenizeAll(tokenizer, texts, room);
  const rows: TaskTexts = {
    ids: { shape: [texts.length, read.length], data: read.ids },
    ends: { shape: [texts.length], data: read.ends },
    classes: names.length,
    frozen,
  };
  const shape = promptConfig(recipe, config, room);
  const prompt = { params: initPromptEncoder(shape, recipe.seed), config: shape };
  // Views carry the labels that are learned from; images are read by what the data says of them.
  const known = new Map(examples.map((example) => [example.id, example]));
  const images = { ...dataset, load: ({ id }: Example) => dataset.load(known.get(id)!) };
  const seen = examples.map(({ id, captions }, i) => ({ id, captions, label: found[i]! }));
  const { group } = options.engine ?? {};
  const view = { seed: recipe.seed, batch: recipe.batch, group, preprocess, loader: options.loader };
  const views = {
    weak: own(new ViewBatches(images, seen, { ...view, augment: recipe.weak })),
    strong: own(new ViewBatches(images, seen, { ...view, augment: recipe.strong })),
    classWeights: evenWeights(taken, names.length),
  };
  // Of a whole batch, however many processes there are.
  const first = group
    ? own(new ViewBatches(images, seen, { ...view, group: undefined, augment: recipe.weak }))
    : views.weak;
  await first.fill(0);
  const some = Math.min(64, texts.length);
  const typical = {
    ids: { shape: [some, read.length], data: read.ids.subarray(0, some * read.length) },
    ends: { shape: [some], data: read.ends.subarray(0, some) },
    pixels: first.pixels,
  };
  await startFromTypicalTokens(prompt, model, typical, options.engine);
  const { compile } = engineOptions(recipe, options.engine);
  return { task: tunePromptsTask(model, prompt, rows, views, recipe, compile), views, prompt, shape, read };
}

const phase = 'tune prompts';

async function tunePromptsIn(
  run: Run,
  dataset: ImageTextDataset,
  options: TunePromptsOptions,
): Promise<TunePromptsResult> {
  const { model, recipe, runDir, signal, onProgress } = options;
  const engine = engineOptions(recipe, options.engine);
  await onProgress?.({ phase: 'preparing', step: 0, steps: 0 });
  const identity = hashParams(model.params);
  run.identify('model', identity);
  const ready = await preparePromptTuning(dataset, options);
  const { classes, examples, names, templates, frozen } = ready;
  const found = recipe.unlabelled
    ? await madeByFirst(options.engine?.group, () => guessed(options, dataset, examples, frozen))
    : examples.map(({ label }) => classes.indexOf(label!));
  const taken = found.filter((column) => column >= 0);
  if (taken.length === 0) {
    throw new UserError(
      `pseudo.threshold: none of the ${examples.length} images is taken for a class with more than ${recipe.pseudo.threshold}; lower it`,
    );
  }
  const made = await promptTuningTask(dataset, ready, found, options, (thing) => run.own(thing));
  const { task, views, prompt, shape, read } = made;
  const folder = join(runDir, 'model');
  const bestFolder = join(runDir, 'best');
  const { steps } = recipe;
  // How often the prompts are looked at decides none of their bits.
  const { evaluation, ...decisive } = recipe;
  const first = {
    ids: { shape: [names.length, read.length], data: read.ids.subarray(0, names.length * read.length) },
    ends: { shape: [names.length], data: read.ends.subarray(0, names.length) },
  };
  const table = model.params['text_model.embeddings.token_embedding.weight']!;
  const promptsOf = async (params: Params): Promise<SavedPrompts> => ({
    config: shape,
    encoder: params,
    vision: await taskPrompts({ params, config: shape }, table, first, options.engine),
  });
  const past = model.training ?? { images_seen: 0, train_seconds: 0 };
  const imagesOf = (steps: number) => steps * recipe.batch * recipe.accumulate;
  const save = (to: string, prompts: SavedPrompts, at: Pick<StepEvent, 'step' | 'seconds'>) =>
    fillModelFolder(to, async (unfinished) => {
      await savePrompts(unfinished, prompts);
      const record = {
        images_seen: past.images_seen + imagesOf(at.step),
        train_seconds: Math.round(past.train_seconds + at.seconds),
        templates: recipe.templates,
      };
      return [await writeTrainingRecord(unfinished, record), promptFile, ...(await saveCheckpoint(unfinished, model))];
    });
  const held = { trained: recipe.data.split, wanted: evaluation.split };
  const split = evaluation.every > 0 ? heldOutSplit(dataset, held, options.onMessage) : undefined;
  const { images } = evaluation;
  // Of several processes the first one measures; the others wait for it in the next step.
  const leading = leads(options.engine?.group);
  const probe =
    split === undefined || !leading ? undefined : await Probe.open(dataset, model, { split, images, templates });
  const before = await probe?.measure(model, options.engine);
  const validation = new Validation(run.history, phase, evaluation.patience);
  const look = async ({ step, seconds, averaged }: StepEvent): Promise<RunEvaluation> => {
    const trained = Object.entries(await averaged()).map(([name, value]) => [name.replace(/^prompt\//, ''), value]);
    const prompts = await promptsOf(Object.fromEntries(trained) as Params);
    const seen = await probe!.measure({ ...model, prompts }, options.engine);
    const shown = { split: split!, images: probe!.images, ...seen };
    if (validation.note(shown, step)) await save(bestFolder, prompts, { step, seconds });
    return shown;
  };
  const { finished, step, seconds, averaged } = await train(task, {
    ...engine,
    steps,
    optimizer: adamw(task.params, { weightDecay: recipe.weight_decay }),
    learningRate: warmupCosine({ peak: recipe.lr, steps, warmupSteps: recipe.warmup_steps }),
    clipNorm: 1,
    runDir,
    checkpointEvery: recipe.checkpoint_every,
    fingerprint: JSON.stringify({ recipe: decisive, data: dataset.fingerprint, model: identity }),
    rounds: roundsOf(options.rounds, phase),
    signal,
    lookEvery: probe && evaluation.every,
    endsAfter: (at) => validation.isExhausted(at),
    onStep: async (event) => {
      const due = probe && (event.step % evaluation.every === 0 || event.step === steps);
      await run.step({ phase, firstStep: 0, overallSteps: steps }, event, due ? await look(event) : undefined);
    },
  });
  run.skip([...views.weak.unreadable, ...views.strong.unreadable]);
  if (finished) takeValues(task.params, averaged);
  const prompts = await promptsOf(prompt.params);
  if (finished && leading) await save(folder, prompts, { step, seconds });
  const last = evaluationsOf(run.history.entries, phase).at(-1);
  const best = validation.best(step);
  return {
    ...{ folder, finished, steps: step, seconds, imagesSeen: imagesOf(step) },
    ...{ prompts, images: examples.length },
    labelled: { images: taken.length, classes: new Set(taken).size },
    pseudoAccuracy: recipe.unlabelled ? shareRight(examples, found, classes) : undefined,
    ...(before && last && best && { validation: { before, last, best: { ...best, folder: bestFolder } } }),
  };
}

/** Novel classes must stay unseen where there are others. */
function taskClasses({ classes, name }: ImageTextDataset): number[] {
  const all = [...classes.keys()];
  const base = all.filter((label) => !classes[label]!.novel);
  if (all.length < 2) {
    throw new UserError(
      `${name}: expected at least two classes to tell apart, found ${all.length}: name some, as in "folder:photos?classes=cat,dog" (labels are not needed); for captions alone there is search-prompts`,
    );
  }
  return base.length > 1 ? base : all;
}

function checkSizes(
  { batch, classes_per_step }: TunePromptsRecipe,
  images: number,
  classes: number,
  data: string,
): void {
  if (images < batch)
    throw new UserError(`batch: ${batch} is more than the ${images} images of ${data}; choose a smaller one`);
  if (classes_per_step < Math.min(batch, classes)) {
    throw new UserError(`classes_per_step: expected room for the labels of a batch, ${batch}, got ${classes_per_step}`);
  }
}

/**
 * For each image the column of its pseudo-label, or −1; an image that cannot be read has none.
 *
 * @param texts the frozen model's features of the classes
 */
async function guessed(
  { model, recipe, engine, signal, onProgress }: TunePromptsOptions,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  texts: HostTensor<Float32Array>,
): Promise<number[]> {
  const { config, params, preprocess } = model;
  const [classes, width] = texts.shape as [number, number];
  const block = Math.min(64, examples.length);
  const images = await teacherImages({ config, params, prompts: {} }, block, engine);
  const scale = Math.exp(params.logit_scale!.data[0]!);
  const logits = new Float32Array(examples.length * classes);
  const unit = toUnitRows({ data: texts.data.slice(), count: classes, width });
  const cosines = new Float64Array(classes);
  const pixels = new PixelBlocks(dataset, examples, preprocess, block);
  try {
    for (let from = 0; from < examples.length; from += block) {
      signal?.throwIfAborted();
      await onProgress?.({ phase: 'pseudo-labels', step: from, steps: examples.length });
      const row = pixels.kept.length;
      const filled = await pixels.fill(from, block);
      const { data } = await images.features(pixels.pixels); // rows behind the filled ones are not read
      const seen = { data: data as Float32Array, count: filled, width };
      for (let i = 0; i < filled; i++) {
        const own = dots(seen, i, unit, cosines).map((cosine) => scale * cosine);
        logits.set(own, (row + i) * classes);
      }
    }
  } finally {
    await images.dispose();
  }
  const [fault] = pixels.skipped;
  if (fault && pixels.kept.length === 0) {
    throw new UserError(`none of the ${examples.length} images can be read, the first: ${fault.reason}`);
  }
  const found = new Array<number>(examples.length).fill(-1);
  const { threshold, per_class: perClass } = recipe.pseudo;
  const read = logits.subarray(0, pixels.kept.length * classes);
  const places = new Map(examples.map(({ id }, place) => [id, place]));
  for (const { image, label } of pseudoLabels(read, classes, { threshold, perClass })) {
    found[places.get(pixels.kept[image]!.id)!] = label;
  }
  return found;
}

/** For each class the inverse of how many images have it, so that classes count alike; 1 on average over the images. */
function evenWeights(labels: readonly number[], classes: number): Float32Array {
  const counts = new Float32Array(classes);
  for (const label of labels) counts[label]!++;
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count > 0 ? labels.length / present / count : 0));
}

function shareRight(
  examples: readonly Example[],
  found: readonly number[],
  classes: readonly number[],
): number | undefined {
  const judged = examples.flatMap(({ label }, i) =>
    label === undefined || found[i]! < 0 ? [] : [classes[found[i]!] === label],
  );
  return judged.length === 0 ? undefined : judged.filter(Boolean).length / judged.length;
}
