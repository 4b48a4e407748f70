import { type Example, type ImageTextDataset, isLabelled, type LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { candidateClasses, type EmbeddedImages, embedImages } from '../evaluate/index.js';
import { type Interval, Random } from '../math/index.js';
import { logitFactor, type Model, usualTemplates } from '../model/index.js';
import { drawSlots, findTemplates, type PromptSet, type PromptTemplate, publishedEnsembles } from '../prompt/index.js';
import { captionedParts } from './captions.js';
import { defaultName, type HeldOutFigure, heldOutFigures, rivals } from './held-out.js';
import { ImageScorer } from './image-scorer.js';
import { type LabelledChoice, searchLabelled } from './labelled.js';
import { type PromptSearchOptions, type SearchSettings, searchDefaults } from './options.js';
import { halves, partsOf } from './parts.js';
import * as promptSearch from './selection/index.js';
import { TemplateBank } from './text-bank.js';
import { TokenGradients } from './token-gradients.js';
import { searchUnlabelled } from './unlabelled.js';

/** What images are told apart by: their labels, the names of classes without labels, or a caption of each. */
export type SearchBasis = 'labels' | 'class names' | 'captions';

/** What a search for prompts found, and what it gains on images that it did not see. */
export interface PromptSearch {
  readonly found: PromptSet;
  /** Name of the data set. */
  readonly data: string;
  readonly split: string;
  /** What images are told apart by. */
  readonly by: SearchBasis;
  readonly seed: number;
  /** Images searched on. */
  readonly images: number;
  /** Classes, or captions in their place. */
  readonly classes: number;
  /** Different templates that were scored. */
  readonly scored: number;
  /** What the search took, without the report. */
  readonly seconds: number;
  /** Left out where class names alone were used. */
  readonly choice?: LabelledChoice;
  /** On images that the search did not see; left out where they have nothing to be told apart by. */
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
 * Of images without labels the names of the classes are used, of data without classes captions.
 *
 * @throws UserError where a split or a domain is missing, or images have neither class nor caption
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
  const { split, seed, device, threads, signal } = settings;
  const library = findTemplates({ domains: settings.domains });
  const { by, search, heldOut } = searchedParts(dataset, settings);
  const bank = new TemplateBank(model, search.names, { device, threads, signal });
  const started = performance.now();
  const { images, ...result } =
    by === 'class names'
      ? await withoutLabels(model, dataset, search.examples, bank, library, settings)
      : await withLabels(model, dataset, search.examples.filter(isLabelled), search.classes, bank, library, settings);
  const seconds = (performance.now() - started) / 1000;
  const reported = by === 'captions' ? new TemplateBank(model, heldOut.names, { device, threads, signal }) : bank;
  return {
    ...{ data: dataset.name, split, by, seed, images, classes: search.names.length, seconds },
    ...result,
    heldOut:
      heldOut.examples.length > 0
        ? await report(model, dataset, heldOut.examples, heldOut.classes, reported, result.found, settings)
        : undefined,
  };
}

/** Images, and the classes that they are told apart by: their labels, and names in the same order. */
interface Searched<E extends Example> {
  readonly examples: readonly E[];
  readonly classes: readonly number[];
  readonly names: readonly string[];
}

/** By labels where there are some, or else by the names of the classes, or else by captions; says what is used otherwise. */
function searchedParts(
  dataset: ImageTextDataset,
  settings: SearchSettings,
): {
  readonly by: SearchBasis;
  readonly search: Searched<Example>;
  readonly heldOut: Searched<LabelledExample>;
} {
  const { split, unlabelled, onMessage } = settings;
  const parts = partsOf(dataset, settings);
  const labelled = parts.search.filter(isLabelled);
  if (!unlabelled && labelled.length < 2 && settings.tokens > 0) {
    throw new UserError(`split ${split}: expected images with a class to search tokens by, found ${labelled.length}`);
  }
  if (unlabelled || labelled.length >= 2 || dataset.classes.length > 0) {
    const byNames = unlabelled || labelled.length < 2;
    const classes = byNames ? seenClasses(dataset) : candidateClasses(dataset, labelled);
    if (byNames && !unlabelled) {
      onMessage?.(
        `no image of ${split} has a class: searching without labels, by the names of the ${classes.length} classes`,
      );
    }
    const names = classes.map((label) => dataset.classes[label]!.name);
    const examples = byNames ? parts.search : labelled;
    const heldOut = parts.heldOut.filter(({ label }) => classes.includes(label));
    return {
      by: byNames ? 'class names' : 'labels',
      search: { examples, classes, names },
      heldOut: { examples: heldOut, classes, names },
    };
  }
  const { search, heldOut } = captionedParts(dataset, settings);
  onMessage?.(
    `${dataset.name} has no classes: searching by captions; a template is scored by how many of ${search.names.length} images are nearest to their own caption in it`,
  );
  const counted = (images: typeof search) => ({ ...images, classes: [...images.names.keys()] });
  return { by: 'captions', search: counted(search), heldOut: counted(heldOut) };
}

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
