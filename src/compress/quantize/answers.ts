import { comparedLogits, fixedScale, responseLoss } from '../../distill/index.js';
import type { Slice } from '../../group/index.js';
import { logitBounds, type TowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import { BatchShare, rowsOf, subset } from '../../nn/index.js';
import type { CompileOptions, Feeds } from '../../runtime/index.js';
import { input, inputsOf, type Tensor } from '../../tensor/index.js';
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
  /** The target's `logit_scale`, and its `logit_bias` where it has one. */
  readonly target: Params;
  readonly temperature: number;
  readonly bothWays: boolean;
  /** Keep only each block's input for the backward pass. */
  readonly recompute?: boolean;
  /** Of several processes: the images that each has of its own, and the parts of the texts. */
  readonly share?: BatchShare;
  readonly textBlocks?: readonly Slice[];
}

/**
 * T² KL between the answers of a student and of a target over a batch's texts, see {@link responseLoss}: a scalar, of several
 * processes a share of it. Its inputs are the weights and vision prompts as `studentFeeds` names them, and what {@link AnswerFeeds} are.
 */
export function answerLoss(student: TowerModel, options: AnswerOptions): Tensor {
  const { images, texts, length, side, width, temperature, bothWays, recompute } = options;
  const tower = { recompute };
  const { logit_scale, logit_bias } = student.params;
  const { share = new BatchShare(images), textBlocks = [share.slice(texts)] } = options;
  const rows = textBlocks.reduce((sum, block) => sum + rowsOf(block), 0);
  const loss = responseLoss(
    comparedLogits(
      {
        image: share.gather(imageGraph(student, share.images.count, side, tower).embed),
        text: share.gather(textGraph(student, rows, length, tower).tower.embed, textBlocks),
        scale: input('logit_scale', logit_scale!.shape),
        bias: logit_bias && input('logit_bias', logit_bias.shape),
      },
      {
        image: input('target/image', [images, width]),
        text: input('target/text', [texts, width]),
        ...fixedScale(options.target),
      },
    ),
    [],
    { temperature, lambda: 0, bothWays },
  );
  return share.whole(loss);
}

/**
 * What a batch is fed: `pixels` [B, 3, S, S], `ids` [N, L], `ends` [N], `target/image` [B, P] and `target/text` [N, P]; of several
 * processes each is fed its own images and texts, and the target's embeddings of all.
 *
 * @param wanted those that are read
 */
export type AnswerFeeds = (batch: number, wanted: ReadonlySet<string>) => Feeds;

/**
 * A student that learns the answers of a target.
 *
 * @param config the student's
 * @param loss see {@link answerLoss}
 * @param learned arrays that are changed in place; those that the loss does not depend on are left out
 * @param frozen all other weights and vision prompts
 * @param given.images a batch, of several processes the own ones
 */
export function answerTask(
  config: TowerModel['config'],
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
    bounds: logitBounds(config),
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

/** Trains a task's parameters in place. @throws the signal's reason where it was aborted, in this process or in another */
export async function trainAnswers(task: Task, options: AnswerTraining): Promise<void> {
  const { steps, learningRate, engine = {}, compile, signal, onStep } = options;
  const { averaged, finished } = await train(task, {
    ...engineOptions(engine, compile),
    ...{ steps, clipNorm: 1, signal },
    optimizer: adamw(task.params, { weightDecay: 0 }),
    learningRate: warmupCosine({ peak: learningRate, steps, warmupSteps: Math.min(20, Math.floor(steps / 5)) }),
    onStep: ({ step }) => onStep?.(step, steps),
  });
  signal?.throwIfAborted();
  if (!finished) throw new DOMException('another process was asked to stop', 'AbortError');
  takeValues(task.params, averaged);
}
