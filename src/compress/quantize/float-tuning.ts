import { type Group, imageSlice, type Slice, sliceOf } from '../../group/index.js';
import { EpochOrder } from '../../loader/index.js';
import { gatherHostRows } from '../../math/index.js';
import { modelWeights, type TowerModel, withWeights } from '../../model/index.js';
import { BatchShare, copyParams, ownOf, rowsOf } from '../../nn/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { elements, type HostTensor } from '../../tensor/index.js';
import type { EngineSettings } from '../../train/index.js';

import { answerLoss, answerTask, trainAnswers } from './answers.js';

import type { Calibration } from './calibration.js';
import { type Embeds, meanKl, type Predictor } from './predictor.js';
import type { QuantizedStudent } from './quantize.js';

export interface FloatTuningOptions {
  /** Updates. */
  readonly steps: number;
  readonly seed?: number;
  /** How training is computed. */
  readonly engine?: Partial<EngineSettings>;
  readonly compile?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface TunedStudent extends QuantizedStudent {
  /** KL from the float32 student, in nats, on the calibration's images that it was not tuned on. */
  readonly kl: { readonly before: number; readonly after: number };
}

/** Largest rate of AdamW; three times as much ended as near on the shipped student. */
const RATE = 1e-3;
/** Patches, or a text's ids, a step: batches of large models are small ones. */
const TOKENS = 2500;
/** One of so many calibration images is kept back, to see whether tuning helped. */
const KEPT_BACK = 8;

/**
 * Updates that pay. On the shipped student 300 bring the KL down to two thirds, 1,000 to six tenths, 30 to no less than
 * nineteen twentieths. Large models have fewer, so that they take some ten minutes, and none where those would be too few.
 */
export function usualTuning(student: TowerModel): number {
  const parameters = Object.values(modelWeights(student)).reduce((sum, { data }) => sum + data.length, 0);
  const steps = Math.min(300, Math.floor(3e9 / parameters));
  return steps < 100 ? 0 : steps;
}

/**
 * Tunes what stays float32 in a quantised student, that is norms, biases, prompt encoder, vision prompts and logit_scale,
 * so that it gives the float32 student's answers again: KL between both softmaxes, from images to texts and back. Codes
 * and scales stay. (Norm tweaking: Li et al. 2023, arXiv 2309.02784, which tunes norms alone, layer by layer.)
 *
 * Where the answers to images that were kept back came no nearer, the student stays as it was.
 *
 * @param student with its weights as they were trained: whose answers are learned
 * @param predictor of the same calibration
 * @throws the signal's reason where it was aborted
 */
export async function tuneFloats(
  student: TowerModel,
  rounded: QuantizedStudent,
  calibration: Calibration,
  predictor: Predictor,
  { steps, seed = 0, engine, compile, signal, onProgress }: FloatTuningOptions,
): Promise<TunedStudent> {
  const targets = await predictor.own();
  const { projection_dim: width } = student.config;
  const total = calibration.pixels.shape[0]!;
  const kept = Math.ceil(total / KEPT_BACK);
  const answers = ({ images, texts }: Embeds, s: TowerModel) =>
    predictor.predict({ images: images.subarray((total - kept) * width), texts }, s);
  const own = answers(targets, student);
  const klOf = async (s: TowerModel) => meanKl(own, answers(await predictor.embeds(s), s));
  const before = await klOf(rounded.student);
  const same = { ...rounded, kl: { before, after: before } };
  if (total === kept) return same;

  const batches = new TuningBatches(student, calibration, targets, total - kept, seed, compile?.group);
  const loss = answerLoss(student, {
    ...batches.shape,
    share: new BatchShare(batches.shape.images, compile?.group),
    textBlocks: [batches.ownTexts],
    target: student.params,
    temperature: 1,
    bothWays: true,
    recompute: engine?.recompute,
  });
  const frozen = modelWeights(rounded.student);
  const floats = Object.entries(frozen).filter(([name]) => !(name in rounded.tensors));
  const learned = copyParams(Object.fromEntries(floats));
  const task = answerTask(student.config, loss, {
    learned,
    frozen,
    images: batches.ownImages.count,
    feeds: (n) => batches.at(n),
  });
  await trainAnswers(task, { steps, learningRate: RATE, engine, compile, signal, onStep: onProgress });
  const tuned = withWeights(rounded.student, task.params);
  const after = await klOf(tuned);
  return after < before ? { student: tuned, tensors: rounded.tensors, kl: { before, after } } : same;
}

/** Images of one update. @param count of all that there are */
export function tuningImages({ config: { vision_config: vision } }: TowerModel, count: number): number {
  return Math.min(count, within(64, (vision.image_size / vision.patch_size) ** 2));
}

/**
 * Images and texts of the calibration in a shuffled order, with the embeddings that the float32 student gave of them. Of several
 * processes each is fed its own images and texts, and the embeddings of all.
 */
class TuningBatches {
  /** Of all processes. */
  readonly shape: { images: number; texts: number; length: number; width: number };
  readonly ownImages: Slice;
  readonly ownTexts: Slice;
  private readonly images: EpochOrder;
  private readonly lines: EpochOrder;
  private readonly feeds: Readonly<Record<string, HostTensor>>;

  constructor(
    student: TowerModel,
    private readonly calibration: Calibration,
    private readonly targets: Embeds,
    count: number,
    seed: number,
    group?: Group,
  ) {
    const { pixels, texts } = calibration;
    const { projection_dim: width } = student.config;
    const [lines, length] = [texts.ends.length, texts.length];
    const images = tuningImages(student, count);
    const some = Math.min(lines, within(128, length));
    this.shape = { images, texts: some, length, width };
    this.ownImages = imageSlice('a batch of tuning', images, group);
    this.ownTexts = sliceOf(some, group);
    const read = rowsOf(this.ownTexts);
    this.images = new EpochOrder(count, seed);
    this.lines = new EpochOrder(lines, seed);
    const float = (...shape: number[]) => ({ shape, data: new Float32Array(elements(shape)) });
    this.feeds = {
      pixels: float(this.ownImages.count, ...pixels.shape.slice(1)),
      ids: { shape: [read, length], data: new Int32Array(read * length) },
      ends: { shape: [read], data: new Int32Array(read) },
      'target/image': float(images, width),
      'target/text': float(some, width),
    };
  }

  /** Batch `n`. */
  at(n: number): Readonly<Record<string, HostTensor>> {
    const { images, texts: some } = this.shape;
    const { pixels, texts } = this.calibration;
    const fill = (name: string, source: Float32Array | Int32Array, rows: readonly number[]) => {
      const { shape, data } = this.feeds[name]!;
      gatherHostRows(source, data.length / shape[0]!, rows, data);
    };
    const chosen = drawn(this.images, n, images);
    fill('pixels', pixels.data, ownOf(chosen, this.ownImages));
    fill('target/image', this.targets.images, chosen);
    const lines = drawn(this.lines, n, some);
    const own = ownOf(lines, this.ownTexts);
    fill('ids', texts.ids, own);
    fill('ends', texts.ends, own);
    fill('target/text', this.targets.texts, lines);
    return this.feeds;
  }
}

const drawn = (order: EpochOrder, batch: number, count: number) =>
  Array.from({ length: count }, (_, i) => order.at(batch * count + i).example);

/** As many as have {@link TOKENS} tokens together, at most `most` and not fewer than four. */
const within = (most: number, tokens: number) => Math.min(most, Math.max(4, Math.round(TOKENS / tokens)));
