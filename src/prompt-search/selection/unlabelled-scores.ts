import { median } from '../../math/index.js';
import { predictionsOf } from './scores.js';

/** What can be said of one template from images without labels; each the higher the better. */
export interface UnlabelledScores {
  /** Mean over images of the highest logit, after each class's bias is taken away. */
  readonly confidence: number;
  /** Entropy of the mean answer less the mean entropy of the answers: sure of each image, and not always of the same class. */
  readonly information: number;
  /** Share of images on which the template answers as most templates do. */
  readonly agreement: number;
}

/**
 * The score of zero-shot prompt ensembling (Allingham et al. 2023, arXiv 2302.06235): mean over images of
 * max over classes of (logit − the class's bias). The bias of a class is the mean of its logit over these images and
 * over `reference` ones, half each; without reference images, over these alone.
 *
 * @param cosines [images, classes]
 * @param reference mean logit of each class over other images, as of the pre-training data
 */
export function confidence(cosines: Float32Array, classes: number, scale: number, reference?: Float64Array): number {
  const images = cosines.length / classes;
  const mean = meanLogits(cosines, classes, scale);
  const bias = reference ? mean.map((value, c) => (value + reference[c]!) / 2) : mean;
  let sum = 0;
  for (let n = 0; n < images; n++) {
    let highest = -Infinity;
    for (let c = 0; c < classes; c++) highest = Math.max(highest, scale * cosines[n * classes + c]! - bias[c]!);
    sum += highest;
  }
  return sum / images;
}

/** For each class, the mean of its logit over images. @param cosines [images, classes] */
function meanLogits(cosines: Float32Array, classes: number, scale: number): Float64Array {
  const mean = new Float64Array(classes);
  for (let k = 0; k < cosines.length; k++) mean[k % classes]! += (scale * cosines[k]! * classes) / cosines.length;
  return mean;
}

/** H(mean p) − mean H(p) in nats, p = softmax(scale · cosines). @param cosines [images, classes] */
export function information(cosines: Float32Array, classes: number, scale: number): number {
  const images = cosines.length / classes;
  const mean = new Float64Array(classes);
  const p = new Float64Array(classes);
  let entropies = 0;
  for (let n = 0; n < images; n++) {
    const row = cosines.subarray(n * classes, (n + 1) * classes);
    const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let total = 0;
    for (let c = 0; c < classes; c++) {
      p[c] = Math.exp(scale * (row[c]! - highest));
      total += p[c]!;
    }
    for (let c = 0; c < classes; c++) {
      p[c]! /= total;
      mean[c]! += p[c]! / images;
    }
    entropies += entropy(p);
  }
  return entropy(mean) - entropies / images;
}

const entropy = (p: Float64Array) => p.reduce((sum, x) => (x > 0 ? sum - x * Math.log(x) : sum), 0);

/** For each image the class that most templates answer, of equal ones the lowest. @param answers one list a template */
function consensus(answers: readonly Uint32Array[], classes: number): Uint32Array {
  const [first] = answers;
  return Uint32Array.from(first!, (_, n) => {
    const votes = new Uint32Array(classes);
    for (const own of answers) votes[own[n]!]!++;
    return votes.reduce((best, count, c) => (count > votes[best]! ? c : best), 0);
  });
}

const agreement = (answers: Uint32Array, common: Uint32Array): number =>
  answers.reduce((same, answer, n) => same + (answer === common[n] ? 1 : 0), 0) / answers.length;

/** Takes templates one after the other and keeps only what their scores need: score matrices of thousands do not fit. */
export class UnlabelledJudge {
  private readonly answers: Uint32Array[] = [];
  private readonly alone: Omit<UnlabelledScores, 'agreement'>[] = [];

  constructor(
    private readonly classes: number,
    private readonly scale: number,
  ) {}

  /** @param cosines of the next template [images, classes]; not kept */
  add(cosines: Float32Array): void {
    this.answers.push(predictionsOf(cosines, this.classes));
    this.alone.push({
      confidence: confidence(cosines, this.classes, this.scale),
      information: information(cosines, this.classes, this.scale),
    });
  }

  /** Of all templates so far, in their order. */
  scores(): UnlabelledScores[] {
    if (this.answers.length === 0) return [];
    const common = consensus(this.answers, this.classes);
    return this.alone.map((own, t) => ({ ...own, agreement: agreement(this.answers[t]!, common) }));
  }
}

/**
 * How far values lie above their median, in median absolute deviations at the scale of standard ones. Where most are
 * alike: 1 above, −1 below.
 */
export function robustZ(values: readonly number[]): number[] {
  const middle = median(values);
  const spread = median(values.map((value) => Math.abs(value - middle)));
  return values.map((value) => (spread === 0 ? Math.sign(value - middle) : (0.6745 * (value - middle)) / spread));
}

/** One number a template: the mean of the three scores' robust z. */
export function combinedScores(scores: readonly UnlabelledScores[]): number[] {
  const columns = (['confidence', 'information', 'agreement'] as const).map((name) =>
    robustZ(scores.map((score) => score[name])),
  );
  return scores.map((_, t) => columns.reduce((sum, column) => sum + column[t]!, 0) / columns.length);
}

/**
 * The templates that stand out and their weights: those whose score lies above `threshold`, at most `size` and at least
 * one, weighted by softmax(score), as zero-shot prompt ensembling weights its prompts.
 */
export function standOut(scores: readonly number[], size: number, threshold = 0.5) {
  const ranked = scores.map((score, t) => ({ score, t })).sort((a, b) => b.score - a.score || a.t - b.t);
  const chosen = ranked.filter(({ score }, i) => i === 0 || score > threshold).slice(0, size);
  const powers = chosen.map(({ score }) => Math.exp(score - chosen[0]!.score));
  const total = powers.reduce((a, b) => a + b, 0);
  return { members: chosen.map(({ t }) => t), weights: powers.map((power) => power / total) };
}
