import { type SayOptions, saidByModels } from '../../augment/index.js';
import { captionsOf, examplesOf, type ImageTextDataset } from '../../data/index.js';
import { type Group, inTurns } from '../../group/index.js';
import type { Shard } from '../../jobs/index.js';
import type { LoaderOptions } from '../../loader/index.js';
import { checkTemplates, trainingTemplates, withClassCaptions } from '../../prompt/index.js';
import type { DistillRecipe } from '../recipe.js';
import { ensureTargets } from '../targets/extract-targets.js';
import { TextTargets } from '../targets/text-targets.js';
import type { InnerStates, Teacher } from '../teacher/teacher.js';
import { Batches } from './batches.js';
import { buildTextBank, listTexts, type StudentTexts } from './text-bank.js';

/** Where the teacher's stored targets are, and how they are made. */
export interface TargetOptions {
  /** Folder of the store. */
  readonly dir: string;
  /** Replace stored targets that do not fit, instead of refusing them. */
  readonly rebuild?: boolean;
  /** How images are read while targets are extracted. */
  readonly loader?: LoaderOptions;
  /** Only this share is extracted: see `ensureTargets`. */
  readonly shard?: Shard;
  readonly signal?: AbortSignal;
  /** While images are extracted. */
  readonly onProgress?: (done: number, total: number) => void;
  /** While the teacher reads the texts. */
  readonly onTexts?: (done: number, total: number) => void;
}

/** What batches of a distillation are made of. */
export interface BatchSource {
  readonly teacher: Teacher;
  /** The part that the recipe trains on: see `withSubset`. */
  readonly dataset: ImageTextDataset;
  readonly recipe: DistillRecipe;
  readonly student: StudentTexts;
  /** What is needed of the teacher beside its embeddings. */
  readonly inner: InnerStates & { readonly words: boolean };
  readonly targets: TargetOptions;
  /** As in `BatchOptions`. */
  readonly halves?: boolean;
  readonly group?: Group;
  /** How models of texts are had, and how far they are. */
  readonly texts?: SayOptions;
}

/**
 * The batches of a recipe, with the teacher's targets: opened where they are stored, extracted where not, by the first of
 * several processes. Whoever opens them closes their store; it is not complete where the signal stopped the extraction.
 *
 * @throws the signal's reason where it is aborted while texts are read
 * @throws UserError for templates without a place for the class, data without classes, a store of something else, or
 * models of texts that cannot be had
 */
export async function openBatches(source: BatchSource): Promise<Batches> {
  const { targets, group } = source;
  return inTurns(
    group,
    (stopped) =>
      openOwn(stopped ? { ...source, targets: { ...targets, rebuild: false, signal: AbortSignal.abort() } } : source),
    ({ store }) => store.complete,
  );
}

async function openOwn({
  teacher,
  dataset: given,
  recipe,
  student,
  inner,
  targets,
  halves,
  group,
  texts,
}: BatchSource): Promise<Batches> {
  const { seed, views, augment } = recipe;
  const { weights, captions, classes_per_step, teacher_top_k } = recipe.texts;
  const templates = trainingTemplates(recipe.texts.templates, given);
  checkTemplates(templates, weights);
  const dataset = withClassCaptions(given, templates);
  const examples = examplesOf(dataset, recipe.data.split);
  const models = captions ? augment.text?.models : undefined;
  const sayings = models && (await saidByModels(captionsOf(examples), models, texts));
  const list = listTexts(dataset, examples, templates, captions, { text: augment.text, seed, sayings });
  const { signal, onTexts, ...images } = targets;
  const features = new TextTargets(teacher, targets.dir, { signal, onProgress: onTexts });
  const bank = await buildTextBank(teacher, list, student, inner.words, (tokens, withWords) =>
    features.of(tokens, withWords),
  );
  const [hidden, attention] = [[...inner.hidden], [...inner.attention]];
  const store = await ensureTargets({
    teacher,
    dataset,
    examples,
    views,
    augment,
    seed,
    hidden,
    attention,
    ...recipe.targets,
    signal,
    ...images,
  });
  await features.save();
  return new Batches(store, bank, examples, teacher.preprocess, {
    ...{ seed, views, captions, weights, halves, group, batch: recipe.batch },
    classesPerStep: classes_per_step,
    teacherTopK: teacher_top_k,
  });
}
