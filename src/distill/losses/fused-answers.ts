import { clipLogits } from '../../clip/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { FusedTargets } from './loss.js';

/** A teacher's part of a fused target. */
export interface AnsweringTeacher {
  /** [B, P] and [N, P] */
  readonly image: Tensor;
  readonly text: Tensor;
  /** The logarithm of its logit scale, a scalar. */
  readonly scale: Tensor;
  /** Its own temperature, beside that of the loss. */
  readonly temperature: number;
  /** 1 for texts that it knows [N]; left out: all. */
  readonly known?: Tensor;
}

export interface FusedSources {
  readonly teachers: readonly AnsweringTeacher[];
  /** Weights of the sources for images [B, S] and texts [N, S]: the teachers, then the label where there is one. */
  readonly weights: Tensor;
  readonly columns: Tensor;
  /** The label over the texts [B, N]. */
  readonly labels?: Tensor;
  /** Whether the second source is the first teacher with its unknown classes dealt by the second (the adaptive target). */
  readonly isAdaptive: boolean;
}

/**
 * The answers of several teachers as one target, in class probabilities:
 *
 *     q_i = Σ_s w_s(i) softmax(z_s / (T τ_s))
 *
 * each teacher over the same texts with its own towers, scale and τ. Probabilities of texts that a teacher does not know are
 * dealt as the others have them (see `sliced`), over texts; over images they stand as they are. Where a source has nothing to
 * say, as a label whose class is not among the texts, the others share its weight. No gradient goes into any of it.
 *
 * @param temperature T of the loss
 */
export function fusedTargets(
  { teachers, weights, columns, labels, isAdaptive }: FusedSources,
  temperature: number,
  bothWays: boolean,
): FusedTargets {
  const logits = teachers.map(({ image, text, scale, temperature: own }) =>
    t.mul(clipLogits(image, text, scale), 1 / (temperature * own)),
  );
  const answers = logits.map((z) => t.softmax(z)); // [B, N] each
  const sliced = answers.map((p, k) => {
    const { known } = teachers[k]!;
    const others = answers.filter((_, j) => j !== k);
    if (!known || others.length === 0) return p;
    return slice(p, t.mul(sumOf(others), 1 / others.length), known);
  });
  const toTexts = isAdaptive
    ? [answers[0]!, teachers[0]!.known ? sliced[0]! : answers[1]!, ...(labels ? [labels] : [])]
    : sliced;
  // A text has no label among the images: without it the others share its weight.
  const toImages = logits.map((z) => t.softmax(t.transpose(z))); // [N, B] each
  return {
    toTexts: t.stopGradient(mixture(toTexts, weights)),
    ...(bothWays && { toImages: t.stopGradient(mixture(toImages, columns)) }),
  };
}

const sumOf = (parts: readonly Tensor[]) => parts.reduce((a, b) => t.add(a, b));

/** Σ_s w_s p_s by rows, brought to sum 1. @param weights [rows, S] */
function mixture(sources: readonly Tensor[], weights: Tensor): Tensor {
  const mix = sumOf(sources.map((p, s) => t.mul(p, t.slice(weights, 1, s, s + 1))));
  return t.div(mix, t.sum(mix, [-1], true));
}

/** See `sliced` in fusion/answers.ts; p and other [B, N], known [N]. */
function slice(p: Tensor, other: Tensor, known: Tensor): Tensor {
  const unknown = t.sub(1, known);
  const own = t.sum(t.mul(p, unknown), [-1], true); // [B, 1]
  const theirs = t.mul(other, unknown);
  const share = t.div(theirs, t.add(t.sum(theirs, [-1], true), 1e-12));
  return t.add(t.mul(p, known), t.mul(own, share));
}

/**
 * T² KL(q ‖ softmax(z_s / T)), the mean over images; with targets over images, the mean of both ways.
 *
 * @param student logits [B, N], scaled
 * @returns scalar
 */
export function fusedDivergence(student: Tensor, { toTexts, toImages }: FusedTargets, temperature: number): Tensor {
  const way = (logits: Tensor, q: Tensor) => {
    const logS = t.logSoftmax(t.mul(logits, 1 / temperature));
    const logQ = t.log(t.maximum(q, 1e-20));
    const rows = t.sum(t.mul(q, t.sub(logQ, logS)), [-1]);
    return t.mul(t.mean(rows), temperature * temperature);
  };
  const texts = way(student, toTexts);
  return toImages ? t.mul(t.add(texts, way(t.transpose(student), toImages)), 0.5) : texts;
}
