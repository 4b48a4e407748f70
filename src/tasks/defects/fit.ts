import type { RawImage, Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { Random, type Rows, rowsInARow } from '../../math/index.js';
import { modelWeights, type TowerModel } from '../../model/index.js';
import { paramInputs } from '../../nn/index.js';
import { max, reshape } from '../../tensor/index.js';
import { roundedWeights, type TaskDtype } from '../stored-weights.js';
import { coreset } from './coreset.js';
import type { DefectDataset, DefectImage, Product } from './data/defect-data.js';
import type { Detector, Learned, View } from './detector.js';
import { descriptors, type Scorer, scores, storedValues, tiledImage } from './graph/detector-graph.js';
import { ImageProgram, type InspectOptions } from './image-program.js';
import { stateTexts } from './state-texts.js';
import { thresholdFromSound } from './threshold.js';

/** Options of {@link fitDetector}. */
export interface FitOptions extends InspectOptions {
  readonly model: TowerModel;
  /** How an exported file stores matrices: what is remembered and the limits are of the values that it stores. @defaultValue fp32 */
  readonly dtype?: TaskDtype;
  readonly dataset: DefectDataset;
  readonly product: Product;
  readonly view: View;
  /** Sound images that are remembered (few-shot); the others set the threshold. */
  readonly shots: number;
  /** Share of the remembered patches that are kept. */
  readonly coreset: number;
  /** False alarms that are wanted of 1,000 sound images. */
  readonly falseAlarms: number;
  /** By which images are chosen. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: string, done: number, total: number) => void | Promise<void>;
}

/** A detector, and what it was fitted on. */
export interface Fitted {
  readonly detector: Detector;
  /** Sound images that are remembered, and that set the threshold. */
  readonly remembered: readonly string[];
  readonly calibrated: readonly string[];
  readonly skipped: readonly Skipped[];
}

/**
 * Fits a detector without training: few-shot, from the patches of some sound images, or zero-shot, from words. The limits
 * are set by sound images that it does not remember.
 *
 * @throws UserError where there are too few sound images, or the view does not fit the model
 * @throws the signal's reason where it is aborted
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'defects');
 * const dataset = await openDefectData('surfaces');
 * const { detector } = await fitDetector('few-shot', {
 *   model,
 *   dataset,
 *   product: productOf(dataset, 'metal'),
 *   view: { side: 64, overlap: 0, layers: [2, 3] },
 *   shots: 8,
 *   coreset: 0.1,
 *   falseAlarms: 10,
 *   seed: 0,
 * });
 */
export async function fitDetector(mode: 'few-shot' | 'zero-shot', options: FitOptions): Promise<Fitted> {
  const { product, shots } = options;
  const sound = soundImages(options);
  const { some, rest } = mode === 'few-shot' ? chosen(sound, shots, options.seed) : { some: [], rest: sound };
  const skipped: Skipped[] = [];
  const learned: Learned =
    mode === 'few-shot'
      ? { mode, memory: await remember(some, options, skipped) }
      : { mode, texts: await stateTexts(options.model, product.name, options) };
  const made = await calibrated(learned, rest, options);
  return {
    detector: made.detector,
    remembered: some.map(({ id }) => id),
    calibrated: made.images,
    skipped: [...skipped, ...made.skipped],
  };
}

/** @throws UserError where there are fewer than two */
export function soundImages({ product, dataset }: Pick<FitOptions, 'product' | 'dataset'>): readonly DefectImage[] {
  const { train, name } = product;
  if (train.length >= 2) return train;
  const aside = dataset.skipped.find(({ reason }) => /defective/.test(reason));
  throw new UserError(
    `${dataset.name}, ${name}: expected at least two sound images for training, one to learn from and one to set the threshold by, found ${train.length === 0 ? 'none' : 'one'}${aside ? `; ${aside.reason}` : ''}`,
  );
}

/** Images to remember, by lot; at least one is left for the threshold. */
function chosen(sound: readonly DefectImage[], shots: number, seed: number) {
  const shuffled = new Random('defects', seed).shuffle([...sound]);
  const count = Math.min(shots, sound.length - 1);
  return { some: shuffled.slice(0, count), rest: shuffled.slice(count) };
}

async function remember(some: readonly DefectImage[], options: FitOptions, skipped: Skipped[]) {
  const { model, dtype = 'fp32', view, seed } = options;
  const program = new ImageProgram((size) => {
    const weights = roundedWeights(modelWeights(model), dtype);
    const { pixels } = tiledImage({ model, view }, size);
    const made = descriptors(paramInputs(weights), model, view, pixels);
    const [tiles, patches, width] = made.shape as [number, number, number];
    return { outputs: { rows: reshape(made, [tiles * patches, width]) }, weights };
  }, options);
  const parts: Rows[] = [];
  await eachImage('learning sound patches', some, options, skipped, async (image, { id }) => {
    const { rows } = await program.run(image, id);
    const [count, width] = rows!.shape as [number, number];
    parts.push({ data: (rows!.data as Float32Array).slice(), count, width });
  }).finally(() => program.dispose());
  if (parts.length === 0) throw noneRead(skipped);
  const rows = rowsInARow(parts);
  const kept = coreset(rows, Math.max(1, Math.ceil(rows.count * options.coreset)), seed);
  return { shape: [kept.count, kept.width], data: kept.data };
}

/**
 * Sets the limits of what was learned, by sound images.
 *
 * @throws UserError where none of them can be read
 */
export async function calibrated(
  learned: Learned,
  sound: readonly DefectImage[],
  options: Omit<FitOptions, 'shots' | 'coreset' | 'seed'>,
): Promise<{ detector: Detector; images: readonly string[]; skipped: readonly Skipped[] }> {
  const { model, dtype = 'fp32', view, falseAlarms, product } = options;
  const scorer: Scorer = { model, dtype, view, learned };
  const program = new ImageProgram((size) => {
    const weights = storedValues(scorer);
    const { score, map } = scores(paramInputs(weights), scorer, tiledImage(scorer, size));
    return { outputs: { score, peak: max(reshape(map, [1, -1]), 1) }, weights };
  }, options);
  const found: { id: string; score: number; peak: number; size: readonly [number, number] }[] = [];
  const skipped: Skipped[] = [];
  await eachImage('setting the threshold', sound, options, skipped, async (image, { id }) => {
    const { score, peak } = await program.run(image, id);
    found.push({ id, score: score!.data[0]!, peak: peak!.data[0]!, size: [image.height, image.width] });
  }).finally(() => program.dispose());
  const [first] = found;
  if (!first) throw noneRead(skipped);
  const alike = found.every(({ size }) => size[0] === first.size[0] && size[1] === first.size[1]);
  const limits = {
    image: thresholdFromSound(
      found.map(({ score }) => score),
      falseAlarms,
    ),
    pixel: thresholdFromSound(
      found.map(({ peak }) => peak),
      falseAlarms,
    ),
  };
  const detector: Detector = { ...scorer, product: product.name, limits, ...(alike && { size: first.size }) };
  return { detector, images: found.map(({ id }) => id), skipped };
}

function noneRead(skipped: readonly Skipped[]): UserError {
  return new UserError(`none of the sound images can be read, the first: ${skipped[0]?.reason ?? 'there is none'}`);
}

/** Reads images one after the other; one that cannot be read is added to `skipped`. */
export async function eachImage(
  phase: string,
  images: readonly DefectImage[],
  { dataset, signal, onProgress }: Pick<FitOptions, 'dataset' | 'signal' | 'onProgress'>,
  skipped: Skipped[],
  take: (image: RawImage, example: DefectImage) => Promise<void>,
): Promise<void> {
  for (const [i, example] of images.entries()) {
    signal?.throwIfAborted();
    await onProgress?.(phase, i, images.length);
    let image: RawImage;
    try {
      image = await dataset.load(example);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      skipped.push({ id: example.id, reason: error.message });
      continue;
    }
    await take(image, example);
    // The runtime blocks this thread: let Ctrl-C and progress through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await onProgress?.(phase, images.length, images.length);
}
