import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantizationRecord } from '../../clip/index.js';
import type { ImageTextDataset, Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { codeFingerprint, fillFolder, finishFolder, writeFileAtomic } from '../../files/index.js';
import { versions } from '../../files/recipe-file.js';
import { agree, single } from '../../group/index.js';
import { checkPrompts, type Model, modelFingerprint, type TowerModel, withTowers } from '../../model/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import type { EngineSettings } from '../../train/index.js';
import { type Scheme, storedBytes } from '../../weight-formats/index.js';
import { samplesFor } from '../verify.js';
import { type Calibration, loadCalibration } from './calibration.js';
import { greedyPath, smallestThatDoes, withinBudget } from './choose.js';
import { type FinetuneOptions, Finetuner } from './finetune.js';
import { tuneFloats, usualTuning } from './float-tuning.js';
import { quantizeInOrder } from './in-order.js';
import { type Mixture, type MixtureName, mixtureFor, mixtureOf, weightsOf } from './mixture.js';
import { type Moments, measureMoments } from './moments.js';
import { type LeftOut, type OnnxVariant, type QuantizedDtype, quantizedDtypes, writeVariant } from './onnx-variants.js';
import { agreement, answers, meanKl, Predictor } from './predictor.js';
import { type LocalRounding, type QuantizedStudent, quantizeStudent, type Rounding } from './quantize.js';
import { checkTarget, replacedFiles, saveQuantized } from './save.js';
import { measureSensitivity, type Sensitivity } from './sensitivity.js';

/** Options of {@link quantizeModel}. */
export interface QuantizeModelOptions {
  readonly model: Model;
  /** Folder that is written. */
  readonly out: string;
  /** What the towers' linear layers become. @defaultValue 'nf4' */
  readonly scheme?: MixtureName;
  /** @defaultValue 'gptaq' */
  readonly rounding?: Rounding;
  /**
   * Updates of what stays float32, for the float32 student's answers ({@link tuneFloats}), of the checkpoint and of each
   * 4-bit variant with codes of its own. @defaultValue {@link usualTuning} behind `gptaq`, otherwise none
   */
  readonly tune?: number;
  /** Where calibration images come from. */
  readonly dataset: ImageTextDataset;
  /** @defaultValue 'train' */
  readonly split?: string;
  /** Calibration images. @defaultValue as many as make 40,000 patches, 128 to 1,024 */
  readonly images?: number;
  /** Whether each weight's sensitivity is measured, though neither `budget` nor `maxDrop` asks for it. */
  readonly sensitivity?: boolean;
  /** Most bytes of all weights: who gets what is then chosen by sensitivity. */
  readonly budget?: number;
  /** How many times smaller all weights are to become: a budget as a share of float32. */
  readonly smaller?: number;
  /** Most points of calibration accuracy that may be lost: the same, as small as that allows. */
  readonly maxDrop?: number;
  /** ONNX variants. @defaultValue all */
  readonly dtypes?: readonly QuantizedDtype[];
  readonly seed?: number;
  /** Quantisation-aware distillation, of the checkpoint and of each 4-bit variant with codes of its own. */
  readonly finetune?: FinetuneOptions;
  /** How tuning and fine-tuning are computed, and where. */
  readonly engine?: Partial<EngineSettings>;
  readonly compile?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: QuantizePhase, done: number, total: number) => void;
}

/** What a quantisation does now. */
export type QuantizePhase =
  | 'calibration'
  | 'sensitivity'
  | 'rounding'
  | 'tuning'
  | 'teacher targets'
  | 'finetune'
  | 'onnx';

/** What {@link quantizeModel} wrote, its size, and how its answers differ from the float32 model's. */
export interface QuantizeModelResult {
  /** Relative to the folder. */
  readonly files: readonly string[];
  /** Of all weights, before and after. */
  readonly bytes: { readonly fp32: number; readonly quantized: number };
  /** On the calibration's images: mean KL from the float32 student in nats, equal answers, and top-1 of both. */
  readonly calibration: {
    readonly images: number;
    readonly classes: number;
    readonly kl: number;
    readonly agreement: number;
    readonly top1: { readonly fp32: number; readonly quantized: number };
  };
  /** Calibration images that cannot be read. */
  readonly skipped: readonly Skipped[];
  /** KL from the float32 student in nats before and after tuning, on calibration images that it was not tuned on. */
  readonly tuned?: { readonly steps: number; readonly before: number; readonly after: number };
  /** T² KL from the teacher in nats before and after fine-tuning, on batches that it did not train on. */
  readonly finetuned?: { readonly steps: number; readonly before: number; readonly after: number };
  readonly variants: Readonly<Partial<Record<QuantizedDtype, OnnxVariant>>>;
  /** Variants that were asked for and not written, as their files do not compute what the model does. */
  readonly leftOut: readonly LeftOut[];
  /** What each weight became. */
  readonly mixture: Mixture;
  readonly sensitivity?: readonly Sensitivity[];
}

/**
 * Stores a student in few bits: a checkpoint folder that every command reads, `quantization.json` with what each weight
 * became, and ONNX files under Transformers.js's names (`dtype` q8, q4 and bnb4; the last holds the checkpoint's own codes).
 *
 * The folder gets its files when all are made; of an earlier result in it they then take the place. Of several processes
 * (`compile.group`) all do the same but for tuning and fine-tuning, which they share.
 *
 * @throws UserError for ONNX files, where the folder cannot be written or holds another checkpoint, the data cannot calibrate, or the budget is
 * too small
 * @example
 * const { bytes } = await quantizeModel({
 *   model: await loadModel('promptkd:emoji-student'),
 *   dataset: await openDataset('folder:photos'), // for calibration
 *   out: 'small',
 * });
 * console.log(`${bytes.fp32 / bytes.quantized} times smaller`);
 */
export async function quantizeModel(options: QuantizeModelOptions): Promise<QuantizeModelResult> {
  const { out } = options;
  const student = withTowers(options.model, 'quantize');
  if (student.projector) throw new UserError('quantize: expected a model with a text tower, got a visual student');
  checkPrompts(student);
  const { group = single } = options.compile ?? {};
  if (group.size > 1) {
    const { scheme, rounding, tune, images, split, budget, smaller, maxDrop, seed, finetune } = options;
    agree(group, {
      ...{ model: modelFingerprint(student), data: options.dataset.fingerprint },
      options: { scheme, rounding, tune, images, split, budget, smaller, maxDrop, seed },
      finetune: finetune && { steps: finetune.steps, learning_rate: finetune.learningRate, recipe: finetune.recipe },
      versions: { ...versions(), code: codeFingerprint(), mpi: group.library },
    });
  }
  // Of several processes the first one's files are kept.
  if (group.rank > 0) {
    const aside = await mkdtemp(join(tmpdir(), 'promptkd-quantize-'));
    try {
      return await quantizeInto(aside, { ...options, student });
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
  await finishFolder(out); // an earlier call may have been killed while it moved its files
  checkTarget(out);
  return fillFolder(out, replacedFiles, (folder) => quantizeInto(folder, { ...options, student }));
}

/** The options with the model that has its weights. */
type Options = QuantizeModelOptions & { readonly student: TowerModel };

async function quantizeInto(folder: string, options: Options): Promise<QuantizeModelResult> {
  const { student, dataset, rounding = 'gptaq', signal, onProgress, dtypes = quantizedDtypes } = options;
  const { tune = rounding === 'gptaq' ? usualTuning(student) : 0 } = options;
  const { images, split, seed, engine, compile } = options;
  onProgress?.('calibration', 0, 1);
  const calibration = await loadCalibration(student, dataset, { images, split, seed });
  const moments = needsMoments(options) ? await measureMoments(student, calibration, { signal }) : undefined;
  onProgress?.('calibration', 1, 1);
  const predictor = await Predictor.create(student, calibration);
  let tuner: Finetuner | undefined;
  try {
    // Opened first: what does not fit is said before the sensitivities are measured.
    tuner = options.finetune && (await openTuner(options, options.finetune));
    const { mixture, sensitivity } = await chosenMixture(options, moments, predictor, calibration);
    const rounds = { signal, onProgress: (done: number, total: number) => onProgress?.('rounding', done, total) };
    const round = async (mixture: Mixture) => {
      const rounded =
        rounding === 'gptaq'
          ? await quantizeInOrder(student, mixture, calibration, rounds)
          : await quantizeStudent(student, mixture, { rounding, moments, ...rounds });
      // Another kind of processor may round otherwise: what is trained together has to be one.
      agree(compile?.group ?? single, { rounded: modelFingerprint(rounded.student) });
      if (tune === 0) return { rounded };
      const tunings = {
        engine,
        compile,
        signal,
        onProgress: (done: number, total: number) => onProgress?.('tuning', done, total),
      };
      const tuned = await tuneFloats(student, rounded, calibration, predictor, { steps: tune, seed, ...tunings });
      return { rounded: tuned, tuned: { steps: tune, ...tuned.kl } };
    };
    const { rounded, tuned } = await round(mixture);
    const finetuned = await tuner?.tune(rounded);
    const quantized = finetuned ?? rounded;
    const measured = await compareOn(predictor, student, quantized.student, calibration);
    const files = await saveQuantized(folder, quantized);
    const variants: Partial<Record<QuantizedDtype, OnnxVariant>> = {};
    const leftOut: LeftOut[] = [];
    const samples = samplesFor(student, ['a cat', 'two small houses under a tree', 'red']);
    for (const [done, dtype] of dtypes.entries()) {
      signal?.throwIfAborted();
      onProgress?.('onnx', done, dtypes.length);
      let made = quantized;
      const other = mixtureFor(dtype, mixture);
      // Eight bits everywhere have next to nothing to win back, by fine-tuning or by rounding with care.
      if (dtype === 'q8') made = await quantizeStudent(student, other, { rounding: 'nearest' });
      if (dtype === 'q4') {
        made = (await round(other)).rounded;
        if (tuner) made = await tuner.tune(made);
      }
      const variant = await writeVariant(folder, dtype, made, samples);
      if ('limit' in variant) {
        leftOut.push(variant);
        continue;
      }
      variants[dtype] = variant;
      files.push(...variant.files);
    }
    onProgress?.('onnx', dtypes.length, dtypes.length);
    const bytes = { fp32: weightBytes(student, {}), quantized: weightBytes(student, mixture) };
    const result = {
      ...{ files: [...files, quantizationRecord], bytes, calibration: measured, skipped: calibration.skipped },
      ...{ tuned, finetuned: finetuned && { steps: options.finetune!.steps, ...finetuned.loss } },
      ...{ variants, leftOut, mixture, sensitivity },
    };
    await writeFileAtomic(join(folder, quantizationRecord), `${JSON.stringify({ rounding, ...result }, null, 1)}\n`);
    return result;
  } finally {
    await Promise.all([predictor.dispose(), tuner?.dispose()]);
  }
}

function openTuner(options: Options, finetune: FinetuneOptions) {
  const { student, engine, compile, signal, onProgress } = options;
  return Finetuner.create(student, {
    ...{ engine, compile },
    ...finetune,
    signal,
    onTargets: (done, total) => onProgress?.('teacher targets', done, total),
    onStep: (done, total) => onProgress?.('finetune', done, total),
  });
}

/** Whether weights are rounded each for itself by what it is fed, in the end or in the choice of a mixture. */
function needsMoments(options: QuantizeModelOptions): boolean {
  const { rounding = 'gptaq' } = options;
  return rounding === 'gptaq' ? isMeasured(options) : rounding !== 'nearest';
}

/** Whether the mixture is chosen by sensitivity. */
const isChosen = ({ budget, smaller, maxDrop }: QuantizeModelOptions) =>
  budget !== undefined || smaller !== undefined || maxDrop !== undefined;

const isMeasured = (options: QuantizeModelOptions) => isChosen(options) || options.sensitivity === true;

const localOf = (rounding: Rounding): LocalRounding => (rounding === 'gptaq' ? 'gptq' : rounding);

/** Schemes among which each weight's is chosen; a codebook of its own costs a weight 64 bytes more than NF4's. */
export function schemesBeside(scheme: MixtureName): readonly MixtureName[] {
  if (scheme === 'fp8' || scheme === 'int8') return [scheme];
  return scheme === 'nf4' ? ['fp8', 'codebook', 'nf4'] : ['fp8', scheme];
}

/** The mixture asked for: by kind, or by sensitivity within a budget or a loss. */
async function chosenMixture(
  options: Options,
  moments: Moments | undefined,
  predictor: Predictor,
  calibration: Calibration,
): Promise<{ mixture: Mixture; sensitivity?: readonly Sensitivity[] }> {
  const { student, scheme = 'nf4', smaller, maxDrop, signal, onProgress } = options;
  // Weights that are tried one at a time, or in mixtures one after the other, are not made up for each other.
  const rounding = localOf(options.rounding ?? 'gptaq');
  const budget = options.budget ?? (smaller === undefined ? undefined : Math.floor(weightBytes(student, {}) / smaller));
  if (!isMeasured(options)) return { mixture: mixtureOf(student, scheme) };
  const schemes = schemesBeside(scheme);
  const sensitivity = await measureSensitivity(student, predictor, {
    schemes,
    rounding,
    moments,
    signal,
    onProgress: (done, total) => onProgress?.('sensitivity', done, total),
  });
  if (!isChosen(options)) return { mixture: mixtureOf(student, scheme), sensitivity };
  const path = greedyPath(student, sensitivity);
  if (budget !== undefined) {
    const option = smaller === undefined ? 'budget' : 'smaller';
    const most = path.bytes[0]! / path.bytes.at(-1)!;
    if (smaller !== undefined && smaller > most) {
      const shown = (Math.floor(most * 100) / 100).toFixed(2);
      throw new UserError(`smaller: expected at most ${shown} times, as small as this model becomes, got ${smaller}`);
    }
    const mixture = withinBudget(path, budget);
    if (maxDrop === undefined || (await isWithin(mixture))) return { mixture, sensitivity };
    throw new UserError(
      `${option}: at ${budget.toLocaleString('en-GB')} bytes more than ${maxDrop} points of calibration accuracy are lost: allow more bytes, or a larger drop`,
    );
  }
  return { mixture: await smallestThatDoes(path, isWithin), sensitivity };

  async function isWithin(mixture: Mixture): Promise<boolean> {
    const { student: quantized } = await quantizeStudent(student, mixture, { rounding, moments });
    const { top1 } = await compareOn(predictor, student, quantized, calibration);
    return (top1.fp32 - top1.quantized) * 100 <= maxDrop!;
  }
}

/** A quantised student against the float32 one on the calibration's images. */
async function compareOn(
  predictor: Predictor,
  student: TowerModel,
  quantized: QuantizedStudent['student'],
  { labels, pixels, texts }: Calibration,
): Promise<QuantizeModelResult['calibration']> {
  const before = predictor.predict(await predictor.own(), student);
  const after = predictor.predict(await predictor.embeds(quantized), quantized);
  return {
    images: pixels.shape[0]!,
    classes: texts.ends.length,
    kl: meanKl(before, after),
    agreement: agreement(answers(before), answers(after)),
    top1: { fp32: agreement(answers(before), labels), quantized: agreement(answers(after), labels) },
  };
}

/** Bytes of all weights and vision prompts under a mixture, without names. */
export function weightBytes(student: TowerModel, mixture: Mixture): number {
  const prompts = Object.values(student.prompts?.vision ?? {}).reduce((sum, { data }) => sum + data.byteLength, 0);
  const of = ([name, { shape }]: [string, { readonly shape: readonly number[] }]) =>
    storedBytes(mixture[name] ?? ('fp32' satisfies Scheme), shape);
  return prompts + Object.entries(weightsOf(student)).reduce((sum, entry) => sum + of(entry), 0);
}
