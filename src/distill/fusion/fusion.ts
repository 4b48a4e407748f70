import { bisectTemperature, fitTemperature, type Rows, softmax } from '../../math/index.js';
import type { FusionRule } from '../teachers/fusion-rules.js';
import { type AdaptiveBounds, adaptiveLambda } from './adaptive.js';
import { answerOf, type Classifier, logitsOf, mixed, sliced, slicedAnswers, surenessOf } from './answers.js';

import { learnedWeights } from './learned.js';
import {
  agreementWeights,
  confidenceWeights,
  entropyWeights,
  equalWeights,
  type Weigh,
  withFloor,
} from './simple-rules.js';
import { classGroups, type HeldOutAnswers, validatedWeights } from './validated.js';

/** Weights of one image's sources. @param progress share of training that is done @param isLabelled whether its class may be read */
export type SourceWeights = (progress: number, isLabelled: boolean) => Float64Array;

/** How the answers of some teachers become one target. */
export interface Fusion {
  readonly rule: string;
  readonly classifiers: readonly Classifier[];
  /** What a target is mixed of: the teachers, and under `adaptive` the label. */
  readonly sources: number;
  /** The teachers' answers to one image as they are mixed: after the class-slice rule. @param rows unit rows a teacher */
  answers(rows: readonly Rows[], at: readonly number[]): readonly Float64Array[];
  /** Weights for answers of {@link answers}. */
  weigh(answers: readonly Float64Array[]): SourceWeights;
}

/**
 * The temperature of a teacher, so that its confidence can be compared with others', by the likelihood of the true classes of
 * some images (Guo et al. 2017).
 *
 * @param labels row of each image's class
 */
export function fitByLabels(classifier: Unfitted, images: Rows, labels: readonly number[]): number {
  return fitTemperature({ logits: allLogits(classifier, images), labels });
}

/** The same where no class is known: the temperature at which its mean entropy is that of another teacher. */
export function fitByEntropy(classifier: Unfitted, images: Rows, wanted: number): number {
  const logits = allLogits(classifier, images);
  return bisectTemperature((temperature) => entropyOf(logits, temperature) < wanted);
}

/** Mean normalised entropy of a teacher's answers to some images. */
export function meanEntropy(classifier: Unfitted, images: Rows, temperature: number): number {
  return entropyOf(allLogits(classifier, images), temperature);
}

type Unfitted = Pick<Classifier, 'classes' | 'scale'>;

const allLogits = (classifier: Unfitted, images: Rows) =>
  Array.from({ length: images.count }, (_, i) => logitsOf(classifier, images, i));

const entropyOf = (logits: readonly Float64Array[], temperature: number) =>
  logits.reduce((sum, z) => sum + surenessOf(softmax(z, temperature)).entropy, 0) / logits.length;

export interface FusionOptions {
  readonly rule: FusionRule;
  /** Of `fixed`. */
  readonly weights: readonly number[];
  readonly floor: number;
  readonly groups: number;
  readonly adaptive: AdaptiveBounds;
  readonly seed: number;
}

/** Held-out images as rows a teacher, and their classes. */
export interface HeldOutRows {
  readonly rows: readonly Rows[];
  /** Row of the class among the run's; empty where none is known. */
  readonly labels: readonly number[];
}

/**
 * Puts teachers together by a rule, fitted on held-out images where it needs some.
 *
 * @throws RangeError for a rule that needs labels, without any
 */
export async function fuse(
  classifiers: readonly Classifier[],
  heldOut: HeldOutRows,
  options: FusionOptions,
): Promise<Fusion> {
  const { rule, floor, seed } = options;
  const known = classifiers.map((classifier) => classifier.known);
  const raw = (rows: readonly Rows[], at: readonly number[]) =>
    classifiers.map((classifier, k) => answerOf(classifier, rows[k]!, at[k]!));
  const scored: HeldOutAnswers[] = heldOut.labels.map((label, i) => ({
    answers: raw(
      heldOut.rows,
      classifiers.map(() => i),
    ),
    label,
  }));
  if (rule === 'adaptive') {
    const lambda = await adaptiveLambda(scored, options.adaptive, seed);
    return { rule, classifiers, sources: 3, answers: raw, weigh: lambda };
  }
  const mixedAlike = scored.map(({ answers, label }) => ({ answers: slicedAnswers(answers, known), label }));
  const weigh = await weighBy(rule, mixedAlike, classifiers, options);
  return {
    rule,
    classifiers,
    sources: classifiers.length,
    answers: (rows, at) => slicedAnswers(raw(rows, at), known),
    weigh(answers) {
      const weights = rule === 'fixed' ? weigh(answers) : withFloor(weigh(answers), floor);
      return () => weights;
    },
  };
}

async function weighBy(
  rule: Exclude<FusionOptions['rule'], 'adaptive'>,
  heldOut: readonly HeldOutAnswers[],
  classifiers: readonly Classifier[],
  { weights, groups, seed }: FusionOptions,
): Promise<Weigh> {
  switch (rule) {
    case 'equal':
      return equalWeights;
    case 'fixed':
      return () => Float64Array.from(weights);
    case 'confidence':
      return confidenceWeights;
    case 'entropy':
      return entropyWeights;
    case 'agreement':
      return agreementWeights;
    case 'validated':
      return validatedWeights(heldOut, classGroups(classifiers[0]!.classes, groups, seed));
    case 'learned':
      return learnedWeights(heldOut, seed);
  }
}

/** Class probabilities of the target of an unlabelled image at the end of training [C]. */
export function fusedAnswer(fusion: Fusion, answers: readonly Float64Array[]): Float64Array {
  const weights = fusion.weigh(answers)(1, false);
  if (fusion.rule !== 'adaptive') return mixed(answers, weights);
  const [teacher, prior] = answers as [Float64Array, Float64Array];
  const { known } = fusion.classifiers[0]!;
  return mixed([teacher, known ? sliced(teacher, prior, known) : prior], weights);
}
