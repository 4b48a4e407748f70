import { type Example, type ImageTextDataset, isLabelled, type LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { candidateClasses, type EmbeddedImages, embedImages } from '../evaluate/index.js';
import { type Interval, Random } from '../math/index.js';
import { logitFactor, type Model, usualTemplates } from '../model/index.js';
import { drawSlots, findTemplates, type PromptSet, type PromptTemplate, publishedEnsembles } from '../prompt/index.js';
import { defaultName, type HeldOutFigure, heldOutFigures, rivals } from './held-out.js';
import { ImageScorer } from './image-scorer.js';
import { type LabelledChoice, searchLabelled } from './labelled.js';
import { type PromptSearchOptions, type SearchSettings, searchDefaults } from './options.js';
import { halves, partsOf } from './parts.js';
import * as promptSearch from './selection/index.js';
import { TemplateBank } from './text-bank.js';
import { TokenGradients } from './token-gradients.js';
import { searchUnlabelled } from './unlabelled.js';

/** What a search for prompts found, and what it gains on images that it did not see. */
export interface PromptSearch {
  readonly found: PromptSet;
  /** Name of the data set. */
  readonly data: string;
  readonly split: string;
  readonly unlabelled: boolean;
  readonly seed: number;
  /** Images searched on. */
  readonly images: number;
  readonly classes: number;
  /** Different templates that were scored. */
  readonly scored: number;
  /** What the search took, without the report. */
  readonly seconds: number;
  /** Left out without labels. */
  readonly choice?: LabelledChoice;
  /** On images that the search did not see; left out where they have no classes. */
  readonly heldOut?: { readonly split: string; readonly images: number; readonly figures: readonly HeldOutFigure[] };
}

/**
 * What the found prompts gain over the default templates on images that the search did not see, a difference of shares.
 *
 * @returns undefined where those images have no classes
 */
export function gainOverDefault({ heldOut }: PromptSearch): Interval | undefined {
  return heldOut?.figures.find(({ name }) => name.split(', ')[0] === defaultName)?.gain;
}

/**
 * Finds the templates and weights that serve a model best on some classes, and reports what they gain on other images.
 *
 * @throws UserError where a split or a domain is missing, or labels are where they are needed
 * @example
 * const { found, heldOut } = await findPrompts(await loadModel('models/emoji-teacher'), await openDataset('emoji'));
 */
export async function findPrompts(
  model: Model,
  dataset: ImageTextDataset,
  options: PromptSearchOptions = {},
): Promise<PromptSearch> {
  const { defaults = usualTemplates(model, dataset).templates } = options;
  const settings: SearchSettings = { ...searchDefaults, ...options, defaults };
  const { split, seed, unlabelled, device, threads, signal } = settings;
  const library = findTemplates({ domains: settings.domains });
  const parts = partsOf(dataset, settings);
  const classes = unlabelled ? seenClasses(dataset) : candidateClasses(dataset, labelledOnly(parts.search, settings));
  const names = classes.map((label) => dataset.classes[label]!.name);
  const bank = new TemplateBank(model, names, { device, threads, signal });
  const started = performance.now();
  const { images, ...result } = unlabelled
    ? await withoutLabels(model, dataset, parts.search, bank, library, settings)
    : await withLabels(model, dataset, labelledOnly(parts.search, settings), classes, bank, library, settings);
  const seconds = (performance.now() - started) / 1000;
  const heldOut = parts.heldOut.filter(({ label }) => classes.includes(label));
  return {
    ...{ data: dataset.name, split, unlabelled, seed, images, classes: classes.length, seconds },
    ...result,
    heldOut:
      heldOut.length > 0 ? await report(model, dataset, heldOut, classes, bank, result.found, settings) : undefined,
  };
}

const labelledOnly = (examples: readonly Example[], { split }: SearchSettings): LabelledExample[] => {
  const labelled = examples.filter(isLabelled);
  if (labelled.length < 2) {
    throw new UserError(
      `split ${split}: expected images with a class to search by, found ${labelled.length}; search without labels (--unlabelled)`,
    );
  }
  return labelled;
};

/** Of images without labels nobody knows the class; novel classes must stay unseen where there are others. */
function seenClasses({ classes, name }: ImageTextDataset): number[] {
  if (classes.length === 0) throw new UserError(`${name}: expected classes to tell apart, found none`);
  const base = [...classes.keys()].filter((label) => !classes[label]!.novel);
  return base.length > 0 ? base : [...classes.keys()];
}

interface Outcome {
  readonly found: PromptSet;
  readonly images: number;
  readonly scored: number;
  readonly choice?: LabelledChoice;
}

async function withLabels(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly LabelledExample[],
  classes: readonly number[],
  bank: TemplateBank,
  library: readonly PromptTemplate[],
  settings: SearchSettings,
): Promise<Outcome> {
  const [makers, choosers] = halves(examples, settings.seed);
  const images = await embed(model, dataset, [...makers, ...choosers], 'images', settings);
  const made = new Set<Example>(makers);
  const labels = columnsOf(images, classes);
  const fit = images.examples.filter((example) => made.has(example)).length;
  const gradients =
    settings.tokens > 0
      ? new TokenGradients(model, bank.names, { rows: images.rows, labels: labels.slice(0, fit) }, settings)
      : undefined;
  const scorer = await ImageScorer.open(images.rows, classes.length, settings);
  try {
    const { defaults } = settings;
    const scale = logitFactor(model);
    const task = { bank, scorer, labels, fit, gradients, classes: classes.length, scale, library, defaults };
    const found = await searchLabelled(task, drawn(library, settings), fixedTexts(settings), settings);
    return { ...found, images: labels.length };
  } finally {
    await scorer.dispose();
  }
}

async function withoutLabels(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  bank: TemplateBank,
  library: readonly PromptTemplate[],
  settings: SearchSettings,
): Promise<Outcome> {
  const images = await embed(model, dataset, examples, 'images', settings);
  const texts = [...new Set([...fixedTexts(settings), ...drawn(library, settings).map(promptSearch.textOf)])];
  const classes = bank.names.length;
  const scorer = await ImageScorer.open(images.rows, classes, settings);
  try {
    const found = await searchUnlabelled({ bank, scorer, classes, scale: logitFactor(model) }, texts, settings);
    return { found, images: images.examples.length, scored: texts.length };
  } finally {
    await scorer.dispose();
  }
}

async function report(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly LabelledExample[],
  classes: readonly number[],
  bank: TemplateBank,
  found: PromptSet,
  settings: SearchSettings,
): Promise<PromptSearch['heldOut']> {
  const images = await embed(model, dataset, examples, 'held-out images', settings);
  const labels = columnsOf(images, classes);
  const others = rivals(settings.defaults);
  const figures = await heldOutFigures(found, others, bank, images.rows, labels, settings.seed);
  return { split: settings.heldOut, images: labels.length, figures };
}

async function embed(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  phase: 'images' | 'held-out images',
  { device, threads, signal, onProgress }: SearchSettings,
): Promise<EmbeddedImages> {
  const progress = (done: number, total: number) => onProgress?.(phase, done, total);
  const images = await embedImages(model, dataset, examples, { device, threads, signal, onProgress: progress });
  if (images.examples.length > 0) return images;
  const [first] = images.skipped;
  throw new UserError(`${dataset.name}: none of the ${phase} can be read; ${first!.id}: ${first!.reason}`);
}

/** Library templates with their slots drawn, each from a stream of its own. */
function drawn(library: readonly PromptTemplate[], { seed, templates }: SearchSettings): promptSearch.Candidate[] {
  const chosen = new Random(seed, 'library').shuffle(library).slice(0, templates);
  return chosen.map((template) => ({ template, slots: drawSlots(template, new Random(seed, 'slots', template.id)) }));
}

/** What takes part as it is: the default templates and the published ones. */
const fixedTexts = ({ defaults }: SearchSettings): string[] => [
  ...new Set([...defaults, ...publishedEnsembles.flatMap(({ templates }) => templates)]),
];

/** For each image the column of its class. */
function columnsOf({ examples }: EmbeddedImages, classes: readonly number[]): number[] {
  const column = new Map(classes.map((label, c) => [label, c]));
  return examples.filter(isLabelled).map(({ label }) => column.get(label)!);
}
