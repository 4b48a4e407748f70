import { UserError } from '../../errors.js';
import { classProbabilities, type Scoring } from '../../math/index.js';
import { Prepared } from '../prepared.js';
import { argMax, type Confidence, checkThreshold, confidenceOf } from './confidence.js';

/** A model that tells a fixed list of classes apart, wherever it runs. */
export interface Stage<Input> {
  readonly name: string;
  /** How its logits become probabilities. @defaultValue softmax */
  readonly scoring?: Scoring;
  /**
   * Logits of each input over the classes, [C].
   *
   * @param prepared what stages before it made of the same inputs
   * @throws UserError for an input that cannot be read; any error where the stage cannot answer
   */
  logits(inputs: readonly Input[], signal?: AbortSignal, prepared?: Prepared): Promise<readonly ArrayLike<number>[]>;
}

/** A stage of a cascade with its threshold. */
export interface CascadeStage<Input> {
  readonly stage: Stage<Input>;
  /** Of its probabilities, fitted on held-out images. @defaultValue 1 */
  readonly temperature?: number;
  /** Answers that it is less sure of go on; the last stage has none. */
  readonly threshold?: number;
}

/** What a cascade says of one input. */
export interface Answer {
  /** Row of the likeliest class. */
  readonly label: number;
  readonly logits: ArrayLike<number>;
  /** How it made its logits probabilities. */
  readonly scoring: Scoring;
  /** At the temperature of the stage that answered, [C]. */
  readonly probabilities: Float64Array;
  /** Of the stage that answered. */
  readonly confidence: number;
  /** Which stage answered, from 0. */
  readonly stage: number;
  /** Why the stages behind, which should have answered, could not: the answer is one that was in doubt. */
  readonly unanswered?: string;
}

/** Options of {@link Cascade.classify}. */
export interface ClassifyOptions {
  readonly signal?: AbortSignal;
  /** In place of the cascade's own, one a stage but the last. */
  readonly thresholds?: readonly number[];
}

interface CommonOptions {
  /** @defaultValue 'probability' */
  readonly confidence?: Confidence;
}

/** Options of {@link cascade}: a student and a teacher, or any number of stages. */
export type CascadeOptions<Input> = CommonOptions &
  (
    | {
        readonly student: Stage<Input>;
        readonly teacher: Stage<Input>;
        readonly threshold: number;
        /** Of the student's probabilities. @defaultValue 1 */
        readonly temperature?: number;
      }
    | {
        /** The fastest first; at least two. */
        readonly stages: readonly CascadeStage<Input>[];
      }
  );

/** Stages behind each other, ready to be asked. */
export interface Cascade<Input> {
  readonly confidence: Confidence;
  readonly stages: readonly CascadeStage<Input>[];
  /** One answer an input, in their order. */
  classify(inputs: readonly Input[], options?: ClassifyOptions): Promise<Answer[]>;
}

/**
 * Models behind each other: each answers what it is sure of, and only what it doubts goes on to the next, slower one.
 * An answer is the logits of the stage that gave it, as if that model had been asked alone.
 *
 * Where a later stage fails, the answer in doubt stands, marked by `unanswered`; a fault of the first stage is thrown.
 *
 * @throws UserError for fewer than two stages, or a threshold that the confidence cannot have
 * @example
 * import { readFile } from 'node:fs/promises';
 *
 * const both = { classes: ['cat', 'dog'], templates: ['a drawing of a {}'] };
 * const student = await encoderStage('fast', await LocalEncoder.open('promptkd:emoji-student'), both);
 * const teacher = await encoderStage('slow', await LocalEncoder.open('promptkd:emoji-teacher'), both);
 * const [answer] = await cascade({ student, teacher, threshold: 0.9 }).classify([await readFile('cat.png')]);
 */
export function cascade<Input>(options: CascadeOptions<Input>): Cascade<Input> {
  const { confidence = 'probability' } = options;
  const stages: readonly CascadeStage<Input>[] =
    'stages' in options
      ? options.stages
      : [
          { stage: options.student, threshold: options.threshold, temperature: options.temperature },
          { stage: options.teacher },
        ];
  if (stages.length < 2) throw new UserError(`cascade: expected at least two stages, got ${stages.length}`);
  for (const [s, { stage, threshold, temperature = 1 }] of stages.entries()) {
    if (s < stages.length - 1) {
      if (threshold === undefined) throw new UserError(`cascade: ${stage.name}: expected a threshold, got none`);
      checkThreshold(threshold, confidence, `cascade: ${stage.name}: threshold`);
    }
    if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
      throw new UserError(`cascade: ${stage.name}: temperature: expected a positive number, got ${temperature}`);
    }
  }
  return { confidence, stages, classify: (inputs, how) => classify(confidence, stages, inputs, how) };
}

async function classify<Input>(
  confidence: Confidence,
  stages: readonly CascadeStage<Input>[],
  inputs: readonly Input[],
  { signal, thresholds }: ClassifyOptions = {},
): Promise<Answer[]> {
  if (thresholds && thresholds.length !== stages.length - 1) {
    throw new UserError(
      `thresholds: expected ${stages.length - 1}, one a stage but the last, got ${thresholds.length}`,
    );
  }
  for (const threshold of thresholds ?? []) checkThreshold(threshold, confidence);
  const answers = new Array<Answer>(inputs.length);
  let asked = inputs.map((_, i) => i);
  const prepared = new Prepared();
  for (const [s, { stage, temperature = 1, threshold: own }] of stages.entries()) {
    if (asked.length === 0) break;
    let logits: readonly ArrayLike<number>[];
    try {
      logits = await stage.logits(
        asked.map((i) => inputs[i]!),
        signal,
        prepared,
      );
    } catch (error) {
      if (s === 0 || signal?.aborted) throw error;
      for (const i of asked) answers[i] = { ...answers[i]!, unanswered: `${stage.name}: ${(error as Error).message}` };
      continue;
    }
    for (const [k, i] of asked.entries()) answers[i] = answerOf(confidence, stage.scoring, logits[k]!, temperature, s);
    const threshold = thresholds?.[s] ?? own;
    if (s < stages.length - 1) asked = asked.filter((i) => answers[i]!.confidence < threshold!);
  }
  return answers;
}

function answerOf(
  confidence: Confidence,
  scoring: Scoring = 'softmax',
  logits: ArrayLike<number>,
  temperature: number,
  stage: number,
): Answer {
  const probabilities = classProbabilities(scoring, logits, temperature);
  return {
    label: argMax(logits),
    logits,
    scoring,
    probabilities,
    confidence: confidenceOf(confidence, logits, temperature, probabilities),
    stage,
  };
}
