import type { z } from 'zod';
import { scoringOf } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { classProbabilities, dots, type Rows, type Scoring } from '../../math/index.js';
import { dataTemplates } from '../../prompt/index.js';
import { type Answer, argMax, type CascadeStage, cascade } from '../cascade/index.js';
import { badRequest, Fault } from './fault.js';
import type { Served } from './generation.js';
import type { Settings } from './options.js';
import type { Schemas } from './requests.js';
import { ServedModel } from './served-model.js';

type Files = readonly Uint8Array[];

/** One image's answer as it is sent. */
interface Result {
  readonly top: readonly { readonly class: string; readonly probability: number }[];
  readonly confidence: number;
  /** What the probabilities are: a choice among the classes, or a decision for each by itself. */
  readonly scoring: Scoring;
  /** Of a cascade: which model answered, from 0. */
  readonly stage?: number;
  /** Of a cascade: a later model should have answered and could not. */
  readonly degraded?: boolean;
  readonly logits?: readonly number[];
}

interface Scores {
  readonly logits: ArrayLike<number>;
  readonly probabilities: Float64Array;
  readonly more: Pick<Result, 'confidence' | 'scoring' | 'stage' | 'degraded'>;
}

/** Is told of each answer of a cascade. */
export type OnAnswer = (cascade: string, answer: Answer) => void;

export async function classify(
  served: Served,
  files: Files,
  asked: z.infer<Schemas['classify']>,
  { maxTexts }: Settings,
  onAnswer: OnAnswer,
  signal: AbortSignal,
): Promise<object> {
  needImages(files);
  const { classifier } = served.model.info;
  const classes = asked.classes ?? classifier?.names;
  if (!classes) throw badRequest('classes: expected names to choose from: this model was exported without its own');
  const own = asked.classes ? served.cascade?.saved.templates : classifier?.templates;
  const templates = asked.templates ?? own;
  const each = (templates ?? usual(served.model)).length;
  if (classes.length * each > maxTexts) {
    throw badRequest(`classes: expected at most ${maxTexts} texts in all, got ${classes.length} × ${each}`);
  }
  const scores = served.cascade
    ? await cascadeScores(served, files, classes, templates, asked.threshold, onAnswer, signal)
    : await modelScores(served, files, classes, templates ?? usual(served.model), asked.threshold, signal);
  const results = scores.map(({ logits, probabilities, more }): Result => {
    const best = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, asked.top);
    return {
      top: best.map((c) => ({ class: classes[c]!, probability: probabilities[c]! })),
      ...more,
      ...(asked.logits && { logits: Array.from(logits) }),
    };
  });
  return { model: served.name, results };
}

async function modelScores(
  { model }: Served,
  files: Files,
  classes: readonly string[],
  templates: readonly string[],
  threshold: unknown,
  signal: AbortSignal,
): Promise<Scores[]> {
  if (threshold !== undefined) throw badRequest('threshold: expected none: this model is not a cascade');
  const scoring = scoringOf(model.info.logitBias);
  return (await model.logits(files, classes, templates, signal)).map((logits) => {
    const probabilities = classProbabilities(scoring, logits);
    return { logits, probabilities, more: { confidence: probabilities[argMax(probabilities)]!, scoring } };
  });
}

async function cascadeScores(
  { name, cascade: served }: Served,
  files: Files,
  classes: readonly string[],
  templates: readonly string[] | undefined,
  threshold: number | readonly number[] | undefined,
  onAnswer: OnAnswer,
  signal: AbortSignal,
): Promise<Scores[]> {
  const { saved, sources, confidence } = served!;
  const stages = saved.stages.map(({ temperature, threshold: own, templates: kept }, s): CascadeStage<Uint8Array> => {
    const source = sources[s]!;
    const asked = templates ?? kept;
    const stage =
      source instanceof ServedModel
        ? {
            name: `stage ${s}`,
            scoring: scoringOf(source.info.logitBias),
            logits: (some: Files, stop?: AbortSignal) => source.logits(some, classes, asked ?? usual(source), stop),
          }
        : source.stage(`stage ${s}`, { classes, templates: asked });
    return { stage, temperature, threshold: own };
  });
  const thresholds = typeof threshold === 'number' ? [threshold] : threshold;
  const answers = await cascade({ stages, confidence })
    .classify(files, { signal, thresholds })
    .catch((error: unknown) => {
      // Of what comes in with a request only the thresholds can be wrong here.
      throw error instanceof UserError ? badRequest(error.message) : error;
    });
  return answers.map((answer) => {
    const { logits, probabilities, confidence: sure, scoring, stage } = answer;
    const degraded = answer.unanswered !== undefined;
    onAnswer(name, answer);
    return { logits, probabilities, more: { confidence: sure, scoring, stage, degraded } };
  });
}

/** Class templates where nobody names any. */
const usual = ({ info }: ServedModel) => info.templates ?? dataTemplates();

export async function embed(
  { name, model }: Served,
  files: Files,
  { texts }: z.infer<Schemas['embed']>,
  signal: AbortSignal,
): Promise<object> {
  if (files.length + texts.length === 0) throw badRequest('expected images or texts, got neither');
  const { width } = model.info;
  const [images, words] = await Promise.all([
    files.length > 0 ? model.images(files, signal) : undefined,
    texts.length > 0 ? model.textRows(texts, signal) : undefined,
  ]);
  const list = (rows: Rows = { data: new Float32Array(0), count: 0, width }) =>
    Array.from({ length: rows.count }, (_, i) => Array.from(rows.data.subarray(i * width, (i + 1) * width)));
  return { model: name, width, images: list(images), texts: list(words) };
}

/** Cosines [images][texts]. */
export async function similarity(
  { name, model }: Served,
  files: Files,
  { texts }: z.infer<Schemas['similarity']>,
  signal: AbortSignal,
): Promise<object> {
  needImages(files);
  const [images, words] = await Promise.all([model.images(files, signal), model.textRows(texts, signal)]);
  const cosines = files.map((_, i) => [...dots(images, i, words, new Float64Array(texts.length))]);
  const { logitFactor, logitBias } = model.info;
  return { model: name, scale: logitFactor, ...(logitBias !== undefined && { bias: logitBias }), similarity: cosines };
}

export function pick(models: ReadonlyMap<string, Served>, name: string | undefined): Served {
  const served = name === undefined ? [...models.values()][0] : models.get(name);
  if (served) return served;
  throw new Fault(404, 'unknown_model', `model: expected one of ${[...models.keys()].join(', ')}`);
}

function needImages(files: Files): void {
  if (files.length === 0) throw badRequest('images: expected at least one image, got none');
}
