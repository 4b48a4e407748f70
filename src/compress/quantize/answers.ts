import { clipLogits } from '../../clip/index.js';
import { responseLoss } from '../../distill/index.js';
import type { TowerModel } from '../../model/index.js';
import { boundLogitScale, modelWeights } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import { type CompileOptions, compile, type Feed, type Runnable } from '../../runtime/index.js';
import { constant, grad, type HostTensor, input, inputsOf } from '../../tensor/index.js';
import { adamw, type Task, train, warmupCosine } from '../../train/index.js';
import { imageGraph, textGraph } from './student-graph.js';

const GRADIENT = 'gradient.';

export interface AnswerOptions {
  /** Pictures a step, B. */
  readonly images: number;
  /** Texts a step, N, of `length` ids. */
  readonly texts: number;
  readonly length: number;
  /** Side of the pictures fed. @defaultValue the student's own */
  readonly side?: number;
  /** Width of the target's embeddings. */
  readonly width: number;
  /** logit_scale of the target. */
  readonly scale: HostTensor;
  readonly temperature: number;
  readonly bothWays: boolean;
  /** Whether a weight or vision prompt learns. @defaultValue all do */
  readonly learns?: (name: string) => boolean;
  readonly compile?: CompileOptions;
}

/** What a step is fed: `pixels` [B, 3, S, S], `ids` [N, L], `ends` [N], `target/image` [B, P] and `target/text` [N, P]. */
export type AnswerFeeds = (step: number, wanted: ReadonlySet<string>) => Readonly<Record<string, Feed>>;

/** A student learning the answers of a target: T² KL between their softmaxes over a step's texts, see {@link responseLoss}. */
export class AnswerProgram {
  private constructor(
    private readonly program: Runnable,
    /** Weights and vision prompts that learn. */
    readonly learned: readonly string[],
    private readonly images: number,
  ) {}

  static async create(student: TowerModel, options: AnswerOptions): Promise<AnswerProgram> {
    const { images, texts, length, side, width, temperature, bothWays, learns = () => true } = options;
    const scale = input('logit_scale', student.params.logit_scale!.shape);
    const total = responseLoss(
      clipLogits(imageGraph(student, images, side).embed, textGraph(student, texts, length).tower.embed, scale),
      clipLogits(input('target/image', [images, width]), input('target/text', [texts, width]), constant(options.scale)),
      [],
      { temperature, lambda: 0, bothWays },
    );
    const inputs = inputsOf(total);
    const learned = Object.keys(modelWeights(student)).filter((name) => name in inputs && learns(name));
    const gradients = grad(
      total,
      learned.map((name) => inputs[name]!),
    );
    const outputs = Object.fromEntries(learned.map((name, i) => [GRADIENT + name, gradients[i]!]));
    const program = await compile({ outputs: { total, ...outputs } }, options.compile);
    return new AnswerProgram(program, learned, images);
  }

  /**
   * @param params that learn, changed in place; a part of `weights` or all of them
   * @param weights every weight and vision prompt, as {@link modelWeights} names them
   */
  task(params: Params, weights: Params, feeds: AnswerFeeds): Task {
    const { program } = this;
    const wanted = new Set(program.inputs.map(({ name }) => name));
    return {
      params,
      imagesPerStep: this.images,
      async step(step) {
        const { total, ...made } = await program.run({ ...weights, ...feeds(step, wanted) });
        const gradients = Object.entries(made).map(([name, { data }]) => [name.slice(GRADIENT.length), data] as const);
        return {
          losses: { total: total!.data[0]! },
          gradients: Object.fromEntries(gradients) as Record<string, Float32Array>,
        };
      },
      constrain: () => boundLogitScale(params),
    };
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

export interface AnswerTraining {
  /** Updates. */
  readonly steps: number;
  /** Peak rate of AdamW. */
  readonly learningRate: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

/** Trains a task's parameters in place. @throws the signal's reason where it was aborted */
export async function trainAnswers(task: Task, { steps, learningRate, signal, onStep }: AnswerTraining): Promise<void> {
  await train(task, {
    ...{ steps, clipNorm: 1, signal },
    optimizer: adamw(task.params, { weightDecay: 0 }),
    learningRate: warmupCosine({ peak: learningRate, steps, warmupSteps: Math.min(20, Math.floor(steps / 5)) }),
    onStep: ({ step }) => onStep?.(step, steps),
  });
  signal?.throwIfAborted();
}

/** Mean loss of a task over some steps. */
export async function meanLoss(task: Task, first: number, count: number): Promise<number> {
  let sum = 0;
  for (let step = first; step < first + count; step++) sum += (await task.step(step)).losses.total!;
  return sum / count;
}
