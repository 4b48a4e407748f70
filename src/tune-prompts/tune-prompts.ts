import { join } from 'node:path';
import { saveCheckpoint, tokenTable } from '../clip/index.js';
import { type Example, type ImageTextDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { heldOutSplit, Probe } from '../evaluate/index.js';
import { hashParams } from '../files/index.js';
import { leads, madeByFirst } from '../group/index.js';
import { fillModelFolder, ranksFor, writeTrainingRecord } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { promptFile, type SavedPrompts, savePrompts, taskPrompts } from '../prompt/index.js';
import {
  adamw,
  engineOptions,
  evaluationsOf,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunEvaluation,
  type RunFigures,
  type RunResult,
  roundsOf,
  type StepEvent,
  takeValues,
  train,
  Validation,
  warmupCosine,
} from '../train/index.js';
import { guessLabels } from './guess-labels.js';
import {
  preparePromptTuning,
  promptTuningTask,
  type TunePromptsOptions,
  templatesOf,
  withUnlabelled,
} from './prepare-tuning.js';

/** Its folder is a checkpoint of the model with its prompts. */
export interface TunePromptsResult extends RunResult {
  readonly images: number;
  /** Whether it learned from pseudo-labels: it was asked to, or there were no labels. */
  readonly unlabelled: boolean;
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
    ? await madeByFirst(options.engine?.group, () => guessLabels(options, dataset, examples, frozen))
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
  const table = model.params[tokenTable]!;
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
    unlabelled: recipe.unlabelled,
    pseudoAccuracy: recipe.unlabelled ? shareRight(examples, found, classes) : undefined,
    ...(before && last && best && { validation: { before, last, best: { ...best, folder: bestFolder } } }),
  };
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
