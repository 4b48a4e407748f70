import { scoringOf } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, isLabelled, type Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Rows, type Scoring, selectRows } from '../math/index.js';
import {
  type ClassVectors,
  logitBias,
  logitFactor,
  type Model,
  modelFingerprint,
  parameterCount,
  usualTemplates,
} from '../model/index.js';
import { checkTemplates, classText, withClassCaptions } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { type BaseNovel, baseNovel } from './base-novel.js';
import { type ArtistTop1, byArtist } from './by-artist.js';
import { biasedAnswers, type CalibratedBias, calibratedBias } from './calibrated-bias.js';
import { candidateClasses } from './candidate-classes.js';
import { type EmbeddedImages, type EmbedOptions, embedImages, embedTexts } from './embed.js';
import { imageLatency, type Latency } from './latency.js';
import { type FoldRetrieval, foldRetrieval, type Retrieval, retrieval } from './retrieval.js';
import { templateWarning } from './template-warning.js';
import { classFeatures, type Prediction, topClasses, type ZeroShot, zeroShotAccuracy } from './zero-shot.js';

/** Options of {@link evaluateModel}. */
export interface EvaluateOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** @defaultValue 'test' */
  readonly split?: string;
  /** Texts of a class, `{}` or `[OBJ]` standing for its name; a class is the mean of its texts. @defaultValue `usualTemplates` */
  readonly templates?: readonly string[];
  /** Of the templates in that mean; without them all weigh alike. */
  readonly weights?: readonly number[];
  /** Timed runs of the latency; 0 leaves it out. @defaultValue 50 */
  readonly latencyRuns?: number;
  /** Retrieval also as the mean over so many folds of the split, as COCO's 5k test set gives five of 1k. */
  readonly folds?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: 'images' | 'texts', done: number, total: number) => void;
}

/** All that was measured of one model, as plain data. */
export interface Evaluation {
  /** Name of the data set. */
  readonly data: string;
  readonly split: string;
  /** Images measured. */
  readonly images: number;
  /** Classes that an answer was chosen from. */
  readonly classes: number;
  readonly templates: readonly string[];
  /** Of the templates, where they do not weigh alike. */
  readonly weights?: readonly number[];
  /** What the probabilities of predictions are: a choice among the classes, or a decision for each by itself. */
  readonly scoring: Scoring;
  /** Of the weights, prompts and projector, or of the ONNX files. */
  readonly fingerprint: string;
  /** Left out where a model does not tell: ONNX files. */
  readonly params?: number;
  /** Of the weights on disk; left out of a model that was read from none. */
  readonly bytes?: number;
  /** Left out where no image's class is known. */
  readonly zeroShot?: ZeroShot;
  /** Each caption of an image is a text, even one that others have too, as CLIP_benchmark does; left out without captions. */
  readonly retrieval?: Retrieval;
  /** Equal captions are one text, for which all images that have it are right; the same figures where none is repeated. */
  readonly distinctRetrieval?: Retrieval;
  /** Where folds were asked for. */
  readonly foldRetrieval?: FoldRetrieval;
  /** For the split `test` of data with a split `novel`. */
  readonly baseNovel?: BaseNovel;
  /** The same images among base and novel classes together; where {@link baseNovel} is. */
  readonly generalized?: CalibratedBias;
  /** With the split `test`, also the images of the split `style`. */
  readonly artists: readonly ArtistTop1[];
  readonly latency?: Latency;
  /** What may make the figures other than they seem, in sentences. */
  readonly warnings: readonly string[];
  /** Images that could not be read. */
  readonly skipped: readonly Skipped[];
  /** Names of the data's classes, by label. */
  readonly classNames: readonly string[];
  /** The five likeliest classes of every image of the split whose class is known. */
  readonly predictions: readonly Prediction[];
}

const answers = 5;

/**
 * Measures a model on a split of a data set: zero-shot classification, retrieval, base-to-novel, by artist, latency.
 *
 * An image's class is sought among the base classes where the split has only those, among the novel ones where it has
 * only those, and among all otherwise.
 *
 * @throws UserError for an unknown or empty split, or a template without a place for the class name
 * @example
 * const { zeroShot } = await evaluateModel(await loadModel('promptkd:emoji-student'), await openDataset('folder:photos'));
 * console.log(`top-1 ${zeroShot?.top1.value}, 95 % interval ${zeroShot?.top1.low} to ${zeroShot?.top1.high}`);
 */
export async function evaluateModel(
  model: Model,
  given: ImageTextDataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const known = knownClasses(model);
  if (known && (options.templates || options.weights)) {
    throw new UserError('a visual student has its class features from its teacher: leave the templates out');
  }
  const usual = usualTemplates(model, given);
  const {
    split = 'test',
    templates = known ? [] : usual.templates,
    weights = options.templates || known ? undefined : usual.weights,
    latencyRuns = 50,
    device,
    threads,
    signal,
    onProgress,
  } = options;
  if (!known) checkTemplates(templates, weights);
  const dataset = known ? given : withClassCaptions(given, templates);
  const warning = known ? undefined : templateWarning(templates, model);
  const own = examplesOf(dataset, split);
  if (!own.some((example) => isLabelled(example) || example.captions.length > 0)) {
    throw new UserError(`${dataset.name}: the split ${split} has neither classes nor captions to measure by`);
  }
  const { novel = [], style = [] } = split === 'test' ? dataset.splits : {};
  const engine = { device, threads, signal };
  const progress = (phase: 'images' | 'texts') => (done: number, total: number) => onProgress?.(phase, done, total);

  const images = await embedImages(model, dataset, [...own, ...novel, ...style], {
    ...engine,
    onProgress: progress('images'),
  });
  const { list, texts } = known
    ? savedTexts(known, dataset)
    : await embedList(model, listTexts(dataset, templates, own), { ...engine, onProgress: progress('texts') });

  const scale = logitFactor(model);
  const bias = logitBias(model);
  const predict = (part: readonly Example[]): Prediction[] => {
    const labelled = part.filter(isLabelled);
    const labels = candidateClasses(dataset, labelled);
    const classes = classFeatures(
      texts,
      labels.map((label) => list.classes[label]!),
      weights,
    );
    return imagesOf(images, labelled).map(({ example: { id, label, artist }, row }) => ({
      id,
      label,
      artist,
      top: topClasses(images.rows, row, classes, labels, scale, answers, bias),
    }));
  };
  const read = imagesOf(images, own).length;
  if (read === 0) {
    const [first] = images.skipped;
    throw new UserError(`${dataset.name}: no image of the split ${split} can be read; ${first!.id}: ${first!.reason}`);
  }
  const predictions = predict(own);
  const zeroShot = predictions.length > 0 ? zeroShotAccuracy(predictions) : undefined;
  const unseenClasses = predict(novel);
  const isNovel = ({ label }: Prediction) => dataset.classes[label]!.novel;
  const bothKinds = unseenClasses.some(isNovel) && predictions.some((one) => !isNovel(one));
  const generalized = () => {
    const labels = [...dataset.classes.keys()];
    const kind = (isNovel: boolean) => {
      const chosen = labels.filter((label) => dataset.classes[label]!.novel === isNovel);
      const rows = chosen.map((label) => list.classes[label]!);
      return { labels: chosen, features: classFeatures(texts, rows, weights) };
    };
    const both = imagesOf(images, [...own, ...novel].filter(isLabelled));
    const examples = both.map(({ example: { label }, row }) => ({ label, row }));
    return calibratedBias(biasedAnswers(images.rows, examples, { base: kind(false), novel: kind(true) }, scale));
  };
  const trained = new Set((dataset.splits.train ?? []).flatMap(({ artist }) => artist ?? []));
  return {
    data: dataset.name,
    split,
    images: read,
    classes: candidateClasses(dataset, own.filter(isLabelled)).length,
    templates,
    weights,
    scoring: scoringOf(bias),
    fingerprint: modelFingerprint(model),
    params: parameterCount(model),
    bytes: model.source?.bytes,
    zeroShot,
    ...(list.captions && (await retrieve(images, own, texts, list.captions, options.folds))),
    baseNovel:
      zeroShot && unseenClasses.length > 0 ? baseNovel(zeroShot.top1, zeroShotAccuracy(unseenClasses).top1) : undefined,
    generalized: bothKinds ? generalized() : undefined,
    artists: byArtist([...predictions, ...predict(style)], trained),
    latency: latencyRuns > 0 ? await imageLatency(model, { ...engine, runs: latencyRuns }) : undefined,
    warnings: warning === undefined ? [] : [warning],
    skipped: images.skipped,
    classNames: dataset.classes.map(({ name }) => name),
    predictions,
  };
}

/** The texts of a measurement, by their indices. */
interface TextList {
  /** For each class, its texts' indices, one a template. */
  readonly classes: readonly (readonly number[])[];
  /** For each image, its captions' indices; left out where the model reads no captions. */
  readonly captions?: ReadonlyMap<Example, readonly number[]>;
}

async function embedList(model: Model, list: TextList & { readonly texts: readonly string[] }, options: EmbedOptions) {
  return { list, texts: await embedTexts(model, list.texts, options) };
}

/** The classes of a visual student, which reads no other texts; undefined of any other model. */
const knownClasses = (model: Model): ClassVectors | undefined =>
  !model.encoders && model.projector ? model.classes : undefined;

/** The class features that a visual student was saved with. */
function savedTexts({ names, features }: ClassVectors, dataset: ImageTextDataset) {
  const rows = new Map(names.map((name, row) => [name, row]));
  const missing = dataset.classes.find(({ name }) => !rows.has(name));
  if (missing) {
    throw new UserError(
      `${dataset.name}: the class "${missing.name}" is none of the ${names.length} that this visual student knows: distil it on this data with promptkd cvpr2024`,
    );
  }
  const list: TextList = { classes: dataset.classes.map(({ name }) => [rows.get(name)!]) };
  return { list, texts: { data: features.data, count: names.length, width: features.shape[1]! } };
}

/** All texts of a measurement, each once. */
function listTexts(
  dataset: ImageTextDataset,
  templates: readonly string[],
  examples: readonly Example[],
): Required<TextList> & { readonly texts: readonly string[] } {
  const index = new Map<string, number>();
  const add = (text: string): number => {
    const place = index.get(text) ?? index.size;
    index.set(text, place);
    return place;
  };
  const classes = dataset.classes.map(({ name }) => templates.map((template) => add(classText(template, name))));
  const captions = new Map(examples.map((example) => [example, example.captions.map(add)]));
  return { texts: [...index.keys()], classes, captions };
}

/** Those of the images that could be read, with their rows. */
function imagesOf<E extends Example>({ examples }: EmbeddedImages, part: readonly E[]): { example: E; row: number }[] {
  const wanted = new Map<Example, E>(part.map((example) => [example, example]));
  return examples.flatMap((any, row) => {
    const example = wanted.get(any);
    return example ? [{ example, row }] : [];
  });
}

/** Retrieval among the images that have captions. */
async function retrieve(
  images: EmbeddedImages,
  part: readonly Example[],
  texts: Rows,
  captions: NonNullable<TextList['captions']>,
  folds: number | undefined,
): Promise<Pick<Evaluation, 'retrieval' | 'distinctRetrieval' | 'foldRetrieval'>> {
  const captioned = imagesOf(images, part).filter(({ example }) => example.captions.length > 0);
  if (captioned.length === 0) return {};
  const rows = selectRows(
    images.rows,
    captioned.map(({ row }) => row),
  );
  const lists = captioned.map(({ example }) => captions.get(example)!);
  const every = lists.flat();
  let next = 0;
  const each = lists.map((list) => list.map(() => next++));
  const task = [rows, selectRows(texts, every), each] as const;
  const found = await retrieval(...task);
  const distinct = [...new Set(every)];
  const place = new Map(distinct.map((row, i) => [row, i]));
  const shared = () => lists.map((list) => list.map((row) => place.get(row)!));
  return {
    retrieval: found,
    distinctRetrieval:
      distinct.length === every.length ? found : await retrieval(rows, selectRows(texts, distinct), shared()),
    ...(folds !== undefined && { foldRetrieval: await foldRetrieval(...task, folds) }),
  };
}
