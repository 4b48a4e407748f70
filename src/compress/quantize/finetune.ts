import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageTextDataset, withSubset } from '../../data/index.js';
import { type Batches, type DistillRecipe, openBatches, type TeacherModel, teacherOf } from '../../distill/index.js';
import { madeByFirst } from '../../group/index.js';
import { modelWeights, type TowerModel, textLimit, withWeights } from '../../model/index.js';
import { copyParams, type Params } from '../../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../../runtime/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import type { EngineSettings } from '../../train/index.js';
import { dequantize, rounder, roundTo } from '../../weight-formats/index.js';
import { answerLoss, answerTask, trainAnswers } from './answers.js';
import type { QuantizedStudent } from './quantize.js';
import { straightThrough } from './straight-through.js';

/** Quantisation-aware distillation: from which teacher, and for how long. */
export interface FinetuneOptions {
  /** Updates. */
  readonly steps: number;
  /** Peak learning rate. @defaultValue 1e-4 */
  readonly learningRate?: number;
  readonly teacher: TeacherModel;
  /** What the student learned from: data, texts, views, batch and temperature are its recipe's. */
  readonly recipe: DistillRecipe;
  /** The recipe's data set, whole. */
  readonly dataset: ImageTextDataset;
  /** Folder of the teacher's stored targets. @defaultValue a temporary one, filled and removed again */
  readonly targetsDir?: string;
  /** How the fine-tuning is computed; the recipe says how the teacher is. */
  readonly engine?: Partial<EngineSettings>;
  readonly compile?: CompileOptions;
}

export interface FinetuneProgress {
  readonly signal?: AbortSignal;
  readonly onTargets?: (done: number, total: number) => void;
  readonly onStep?: (done: number, total: number) => void;
}

export interface Finetuned extends QuantizedStudent {
  /** T² KL from the teacher, in nats, on batches behind those that were trained on. */
  readonly loss: { readonly before: number; readonly after: number };
}

/** Batches behind those of the training that the loss is measured on, before and after. */
const PROBES = 8;

/**
 * Quantisation-aware distillation: a quantised student goes on learning its teacher's answers while its weights are
 * rounded at every step (see {@link straightThrough}). The grids, that is scales, zero points and codebooks, stay; codes,
 * and all that is float32, vision prompts included, move.
 */
export class Finetuner {
  private constructor(
    private readonly student: TowerModel,
    private readonly options: FinetuneOptions & FinetuneProgress,
    private readonly batches: Batches,
    private readonly loss: Tensor,
    /** The loss alone. */
    private readonly probe: Runnable,
    private readonly removeTargets: () => Promise<void>,
  ) {}

  /**
   * @param student with its weights as they were trained
   * @throws UserError where recipe, data, teacher and stored targets do not fit together
   */
  static async create(student: TowerModel, options: FinetuneOptions & FinetuneProgress): Promise<Finetuner> {
    const { recipe, targetsDir, signal, onTargets } = options;
    const teacher = teacherOf(options.teacher, { compile: { ...options.compile, precision: recipe.precision } });
    const { max_position_embeddings: positions } = teacher.config.text_config;
    const { group } = options.compile ?? {};
    const dir = targetsDir ?? (await madeByFirst(group, () => mkdtemp(join(tmpdir(), 'promptkd-targets-'))));
    const removeTargets = async () => {
      if (targetsDir === undefined) await rm(dir, { recursive: true, force: true });
    };
    let batches: Batches | undefined;
    try {
      batches = await openBatches({
        teacher,
        recipe,
        dataset: withSubset(options.dataset, recipe.data.split, recipe.data, recipe.seed),
        student: { tokenizer: student.tokenizer, limit: Math.min(textLimit(student), positions) },
        inner: { hidden: [], attention: [], words: false },
        group,
        targets: { dir, signal, onProgress: onTargets },
      });
      signal?.throwIfAborted();
      const loss = answerLoss(student, {
        ...answerShape(batches),
        target: teacher.params,
        ...responseOf(recipe),
        recompute: options.engine?.recompute,
      });
      const precision = options.engine?.precision;
      const probe = await compile({ outputs: { loss } }, { ...options.compile, precision });
      return new Finetuner(student, options, batches, loss, probe, removeTargets);
    } catch (error) {
      batches?.store.close();
      await removeTargets();
      throw error;
    }
  }

  /**
   * Tunes the student in few bits. Where it came no nearer to the teacher, it stays as it was rounded.
   *
   * @throws the signal's reason where it was aborted
   */
  async tune(rounded: QuantizedStudent): Promise<Finetuned> {
    const { tensors } = rounded;
    const { steps, learningRate = 1e-4, engine, compile, signal, onStep } = this.options;
    const trained = modelWeights(this.student);
    const latent = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, latentOf(tensor, trained[name]!)]),
    );
    // What is float32 may have been changed by the rounding, too: biases make up for its error.
    const params = copyParams(modelWeights(rounded.student));
    const round = (name: string, value: HostTensor) => dequantize(roundTo(tensors[name]!, value));
    const images = this.batches.share.images.count;
    const feeds = (n: number, wanted: ReadonlySet<string>) => this.batches.fill(n, wanted);
    const task = straightThrough(
      answerTask(this.student.config, this.loss, { learned: params, frozen: {}, images, feeds }),
      latent,
      round,
    );
    const seen = steps * (engine?.accumulate ?? 1);
    const before = await this.meanLoss({ ...params, ...task.fedAs() }, seen);
    await trainAnswers(task, { steps, learningRate, engine, compile, signal, onStep });
    const after = await this.meanLoss({ ...params, ...task.fedAs() }, seen);
    if (after >= before) return { ...rounded, loss: { before, after: before } };
    const tuned = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, roundTo(tensor, latent[name]!)]),
    );
    const values = Object.fromEntries(Object.entries(tuned).map(([name, tensor]) => [name, dequantize(tensor)]));
    return { student: withWeights(this.student, { ...params, ...values }), tensors: tuned, loss: { before, after } };
  }

  async dispose(): Promise<void> {
    this.batches.store.close();
    await Promise.all([this.probe.dispose(), this.removeTargets()]);
  }

  /** Mean loss of these weights over the batches from `first` on. */
  private async meanLoss(weights: Params, first: number): Promise<number> {
    const wanted = new Set(this.probe.inputs.map(({ name }) => name));
    let sum = 0;
    for (let n = first; n < first + PROBES; n++) {
      const { loss } = await this.probe.run({ ...weights, ...this.batches.fill(n, wanted) });
      sum += loss!.data[0]!;
    }
    const mean = sum / PROBES;
    const { group } = this.options.compile ?? {};
    if (!group || group.size === 1) return mean;
    const whole = Float32Array.of(mean);
    group.allReduce(whole);
    return whole[0]!;
  }
}

/** What a step's batch holds. */
function answerShape({ feeds, share, textBlocks, textCount: texts }: Batches) {
  const [, , side] = feeds.pixels!.shape as [number, number, number];
  const [images, width] = feeds['target/image']!.shape as [number, number];
  return { images, side, texts, length: feeds.ids!.shape[1]!, width, share, textBlocks };
}

function responseOf(recipe: DistillRecipe) {
  const { temperature, both_ways: bothWays } = recipe.method === 'kd' ? recipe.kd : recipe.losses.response;
  return { temperature, bothWays };
}

/**
 * Where a weight's latent begins: at the weight as it was trained, and where the rounding chose another value for it than
 * the nearest (GPTQ), at that.
 */
function latentOf(tensor: QuantizedStudent['tensors'][string], weight: HostTensor): HostTensor<Float32Array> {
  const { blockOf, nearest, value } = rounder(tensor);
  const data = Float32Array.from(weight.data, (own, i) => {
    const [code, block] = [tensor.codes[i]!, blockOf(i)];
    return nearest(own, block) === code ? own : value(code, block);
  });
  return { shape: weight.shape, data };
}
