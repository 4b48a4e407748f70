import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Interval, wilson } from '../math/index.js';
import { type ImageEncoder, loadModel } from '../model/index.js';
import { type EvaluateOptions, type Evaluation, evaluateModel } from './evaluate.js';
import { latencyImage, oneImageEncoder } from './latency.js';
import { type Limits, paretoFront, recommend } from './pareto.js';
import type { Prediction } from './zero-shot.js';

/** A model, or one variant of its ONNX files. */
export interface VariantSource {
  /** What it is called in the result. */
  readonly name: string;
  /** As `loadModel` takes it. */
  readonly model: string;
}

/** Options of {@link compareModels}. */
export interface CompareOptions
  extends Pick<EvaluateOptions, 'split' | 'templates' | 'weights' | 'threads' | 'signal'> {
  /** The model that answers are compared with, as `loadModel` takes it; left out: the first variant. */
  readonly teacher?: string;
  /** Timed runs of each variant. @defaultValue 200 */
  readonly runs?: number;
  /** By default the smallest within 1 point of the first is recommended. */
  readonly limits?: Limits;
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

/** What was measured of one model of a comparison. */
export interface VariantFigures {
  readonly name: string;
  /** Of the weights on disk. */
  readonly bytes: number;
  readonly top1: Interval;
  /** Equal captions are one text; left out where the images have no captions. */
  readonly r1?: { readonly imageToText: Interval; readonly textToImage: Interval };
  /** Images that it takes for the same class as the teacher does. */
  readonly agreement: Interval;
  /** How much a process of its own grows at most by loading it and embedding an image and a text, in bytes. */
  readonly memory: number;
  /** Of one image, in milliseconds. */
  readonly p50: Interval;
  readonly p95: Interval;
}

/** Models measured side by side, and the one to take under the limits. */
export interface Comparison {
  readonly data: string;
  readonly split: string;
  readonly images: number;
  readonly classes: number;
  /** What answers are compared with. */
  readonly teacher: string;
  readonly variants: readonly VariantFigures[];
  /** Names of those that none beats in both size and top-1. */
  readonly pareto: readonly string[];
  readonly limits: Limits;
  /** Left out where none keeps to the limits. */
  readonly recommended?: string;
}

/**
 * Measures variants of a model side by side on a split. Latencies are taken in turns, one run of each, so that a busy
 * moment meets all of them.
 *
 * @throws UserError where two have one name, a variant cannot be read, or the split has no classes
 */
export async function compareModels(
  sources: readonly VariantSource[],
  dataset: ImageTextDataset,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { teacher, runs = 200, threads, signal, onProgress, limits = { maxDrop: 1 }, ...more } = options;
  const twice = sources.find(({ name }, i) => sources.findIndex((one) => one.name === name) < i);
  if (twice) throw new UserError(`models: expected each once, got ${twice.name} twice`);
  const evaluate = async ({ name, model: from }: VariantSource): Promise<Evaluation> => {
    const model = await loadModel(from, { threads });
    const evaluation = await evaluateModel(model, dataset, {
      ...more,
      threads,
      signal,
      latencyRuns: 0,
      onProgress: (phase, done, total) => onProgress?.(`${name}: ${phase}`, done, total),
    });
    await model.encoders?.dispose();
    if (!evaluation.zeroShot)
      throw new UserError(`${dataset.name}: expected images with classes to compare on, got none`);
    return evaluation;
  };
  const evaluations: Evaluation[] = [];
  for (const source of sources) evaluations.push(await evaluate(source));
  const reference = teacher === undefined ? evaluations[0]! : await evaluate({ name: teacher, model: teacher });
  const times = await timesInTurn(sources, runs, options);
  const variants: VariantFigures[] = [];
  for (const [i, { name, model }] of sources.entries()) {
    signal?.throwIfAborted();
    const { bytes, zeroShot, distinctRetrieval: texts, predictions } = evaluations[i]!;
    variants.push({
      name,
      bytes: bytes!,
      top1: zeroShot!.top1,
      r1: texts && { imageToText: texts.imageToText.r1, textToImage: texts.textToImage.r1 },
      agreement: sameAnswers(predictions, reference.predictions),
      memory: await memoryOf(model),
      p50: quantileInterval(times[i]!, 0.5),
      p95: quantileInterval(times[i]!, 0.95),
    });
    onProgress?.('memory', i + 1, sources.length);
  }
  const weighed = variants.map(({ name, bytes, top1, p50 }) => ({ name, bytes, top1: top1.value, ms: p50.value }));
  const { data, split, images, classes } = evaluations[0]!;
  return {
    data,
    split,
    images,
    classes,
    teacher: teacher ?? sources[0]!.name,
    variants,
    pareto: paretoFront(weighed).map(({ name }) => name),
    limits,
    recommended: recommend(weighed, limits)?.name,
  };
}

function sameAnswers(own: readonly Prediction[], others: readonly Prediction[]): Interval {
  const answers = new Map(others.map(({ id, top }) => [id, top[0]!.label]));
  const both = own.filter(({ id }) => answers.has(id));
  return wilson(both.filter(({ id, top }) => answers.get(id) === top[0]!.label).length, both.length);
}

/** Milliseconds of one image for each variant, a run of each in turn. */
async function timesInTurn(
  sources: readonly VariantSource[],
  runs: number,
  { threads, signal, onProgress }: CompareOptions,
): Promise<number[][]> {
  const warmUp = Math.ceil(runs / 10);
  const models = await Promise.all(sources.map(({ model }) => loadModel(model, { threads })));
  const encoders: ImageEncoder[] = [];
  const times = sources.map((): number[] => []);
  try {
    for (const model of models) encoders.push(await oneImageEncoder(model, { threads }));
    const images = models.map(latencyImage);
    for (let run = -warmUp; run < runs; run++) {
      signal?.throwIfAborted();
      for (const [i, encoder] of encoders.entries()) {
        const start = performance.now();
        await encoder.run(images[i]!);
        if (run >= 0) times[i]!.push(performance.now() - start);
      }
      onProgress?.('latency', Math.max(0, run + 1), runs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    for (const encoder of encoders) await encoder.dispose();
    for (const model of models) await model.encoders?.dispose();
  }
  return times;
}

/**
 * The q-quantile of independent measurements with a 95 % interval that assumes no distribution: how many of them lie below
 * the true quantile is binomial, so that two of the sorted ones bound it (Hahn and Meeker 1991, section 5.2, normal
 * approximation).
 */
export function quantileInterval(values: readonly number[], q: number): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const reach = 1.959964 * Math.sqrt(n * q * (1 - q));
  const at = (rank: number) => sorted[Math.min(n - 1, Math.max(0, rank))]!;
  return {
    value: at(Math.ceil(n * q) - 1),
    low: at(Math.floor(n * q - reach) - 1),
    high: at(Math.ceil(n * q + reach)),
  };
}

const probe = fileURLToPath(new URL('./memory-probe.js', import.meta.url));

function memoryOf(model: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(probe, [model], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let grown: number | undefined;
    child.on('message', (message) => {
      grown = message as number;
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      grown === undefined
        ? reject(new Error(`${model}: the process that measures memory ended with ${code}`))
        : resolve(grown),
    );
  });
}
