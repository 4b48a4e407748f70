import { clipLogits } from '../../clip/index.js';
import { responseLoss } from '../../distill/index.js';
import { largestLogitScale, type TowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import { subset } from '../../nn/index.js';
import type { CompileOptions, Feeds } from '../../runtime/index.js';
import { constant, type HostTensor, input, inputsOf, type Tensor } from '../../tensor/index.js';
import {
  adamw,
  type EngineSettings,
  engineOptions,
  type Task,
  takeValues,
  train,
  warmupCosine,
} from '../../train/index.js';
import { imageGraph, textGraph } from './student-graph.js';

export interface AnswerOptions {
  /** Images a batch, B. */
  readonly images: number;
  /** Texts a batch, N, of `length` ids. */
  readonly texts: number;
  readonly length: number;
  /** Side of the images fed. @defaultValue the student's own */
  readonly side?: number;
  /** Width of the target's embeddings. */
  readonly width: number;
  /** logit_scale of the target. */
  readonly scale: HostTensor;
  readonly temperature: number;
  readonly bothWays: boolean;
  /** Keep only each block's input for the backward pass. */
  readonly recompute?: boolean;
}

/**
 * T² KL between the softmaxes of a student and of a target over a batch's texts, see {@link responseLoss}: a scalar. Its
 * inputs are the weights and vision prompts as `studentFeeds` names them, and what {@link AnswerFeeds} are.
 */
export function answerLoss(student: TowerModel, options: AnswerOptions): Tensor {
  const { images, texts, length, side, width, temperature, bothWays, recompute } = options;
  const tower = { recompute };
  const scale = input('logit_scale', student.params.logit_scale!.shape);
  return responseLoss(
    clipLogits(
      imageGraph(student, images, side, tower).embed,
      textGraph(student, texts, length, tower).tower.embed,
      scale,
    ),
    clipLogits(input('target/image', [images, width]), input('target/text', [texts, width]), constant(options.scale)),
    [],
    { temperature, lambda: 0, bothWays },
  );
}

/**
 * What a batch is fed: `pixels` [B, 3, S, S], `ids` [N, L], `ends` [N], `target/image` [B, P] and `target/text` [N, P].
 *
 * @param wanted those that are read
 */
export type AnswerFeeds = (batch: number, wanted: ReadonlySet<string>) => Feeds;

/**
 * A student that learns the answers of a target.
 *
 * @param loss see {@link answerLoss}
 * @param learned arrays that are changed in place; those that the loss does not depend on are left out
 * @param frozen all other weights and vision prompts
 * @param images a batch
 */
export function answerTask(
  loss: Tensor,
  given: { readonly learned: Params; readonly frozen: Params; readonly images: number; readonly feeds: AnswerFeeds },
): Task {
  const inputs = inputsOf(loss);
  const wanted = new Set(Object.keys(inputs));
  const names = Object.keys(given.learned).filter((name) => name in inputs);
  return {
    params: subset(given.learned, names),
    parameters: Object.fromEntries(names.map((name) => [name, inputs[name]!])),
    losses: { total: loss },
    groups: [{ name: 'total', loss }],
    frozen: given.frozen,
    feeds: async (n) => given.feeds(n, wanted),
    imagesPerBatch: given.images,
    bounds: { logit_scale: largestLogitScale },
  };
}

export interface AnswerTraining {
  /** Updates. */
  readonly steps: number;
  /** Peak rate of AdamW. */
  readonly learningRate: number;
  readonly engine?: Partial<EngineSettings>;
  readonly compile?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

/** Trains a task's parameters in place. @throws the signal's reason where it was aborted */
export async function trainAnswers(task: Task, options: AnswerTraining): Promise<void> {
  const { steps, learningRate, engine = {}, compile, signal, onStep } = options;
  const { averaged } = await train(task, {
    ...engineOptions(engine, compile),
    ...{ steps, clipNorm: 1, signal },
    optimizer: adamw(task.params, { weightDecay: 0 }),
    learningRate: warmupCosine({ peak: learningRate, steps, warmupSteps: Math.min(20, Math.floor(steps / 5)) }),
    onStep: ({ step }) => onStep?.(step, steps),
  });
  signal?.throwIfAborted();
  takeValues(task.params, averaged);
}
