/** What some templates say of some images: the score matrices that a search reads. */
export interface TemplateScores {
  readonly images: number;
  readonly classes: number;
  /** For each template, the cosines of images and its class texts [images, classes]. */
  readonly cosines: readonly Float32Array[];
  /** For each class, the cosines between its texts of any two templates [templates, templates]. */
  readonly overlaps: readonly Float32Array[];
}

/** Images with their classes, and the model's exp(logit_scale). */
export interface Labelled {
  readonly scores: TemplateScores;
  /** For each image, the column of its class. */
  readonly labels: readonly number[];
  readonly scale: number;
}

/** How well images are told apart; better is more of the first, and of the second where the first is equal. */
export interface Quality {
  /** Share of images whose class has the highest score. */
  readonly top1: number;
  /** Mean over images of log softmax(scale · cosine) at the image's class. */
  readonly logLikelihood: number;
}

export function isBetter(a: Quality, b: Quality): boolean {
  return a.top1 !== b.top1 ? a.top1 > b.top1 : a.logLikelihood > b.logLikelihood;
}

/** For sorting, the best first. */
export const byQuality = (a: Quality, b: Quality): number => b.top1 - a.top1 || b.logLikelihood - a.logLikelihood;

/** @param cosines [images, classes] */
export function qualityOf(cosines: Float32Array, labels: readonly number[], classes: number, scale: number): Quality {
  let right = 0;
  let sum = 0;
  for (const [n, label] of labels.entries()) {
    const row = cosines.subarray(n * classes, (n + 1) * classes);
    const best = argmax(row);
    if (best === label) right++;
    const highest = row[best]!;
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(scale * (row[c]! - highest));
    sum += scale * (row[label]! - highest) - Math.log(total);
  }
  return { top1: right / labels.length, logLikelihood: sum / labels.length };
}

/** Place of the largest value, the first of equal ones. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** For each image, the column of its highest score. @param cosines [images, classes] */
export function predictionsOf(cosines: Float32Array, classes: number): Uint32Array {
  return Uint32Array.from({ length: cosines.length / classes }, (_, n) =>
    argmax(cosines.subarray(n * classes, (n + 1) * classes)),
  );
}

/** Some templates, each with its weight. */
export interface Ensemble {
  readonly members: readonly number[];
  readonly weights: readonly number[];
}

export const uniform = (members: readonly number[]): Ensemble => ({
  members,
  weights: members.map(() => 1 / members.length),
});

/** An ensemble's class features, seen only through their products: Σ w f is kept apart from its length. */
export interface Mixture {
  /** Images with Σ w f of each class [images, classes]. */
  readonly sum: Float32Array;
  /** For each class, ‖Σ w f‖². */
  readonly squared: Float64Array;
}

export function mixtureOf(scores: TemplateScores, { members, weights }: Ensemble): Mixture {
  const { images, classes, overlaps, cosines } = scores;
  const sum = new Float32Array(images * classes);
  for (const [i, member] of members.entries()) {
    const [own, weight] = [cosines[member]!, weights[i]!];
    for (let k = 0; k < sum.length; k++) sum[k]! += weight * own[k]!;
  }
  const squared = Float64Array.from(overlaps, (overlap) => {
    let total = 0;
    for (const [i, s] of members.entries()) {
      for (const [j, t] of members.entries()) total += weights[i]! * weights[j]! * overlap[s * cosines.length + t]!;
    }
    return total;
  });
  return { sum, squared };
}

/** The mixture with one more template, at weight 1. @param members those in it already, each at weight 1 */
export function joinedBy(scores: TemplateScores, mixture: Mixture, members: readonly number[], added: number): Mixture {
  const [own, templates] = [scores.cosines[added]!, scores.cosines.length];
  const squared = mixture.squared.map((square, c) => {
    const overlap = scores.overlaps[c]!;
    const cross = members.reduce((total, member) => total + overlap[member * templates + added]!, 0);
    return square + 2 * cross + overlap[added * templates + added]!;
  });
  return { sum: mixture.sum.map((value, k) => value + own[k]!), squared };
}

/**
 * Cosines of images and a mixture's class features, the weighted mean of its members' unit features at unit length:
 * Σ w_t cos_t / ‖Σ w_t f_t‖, exactly what the features themselves would give.
 *
 * @returns [images, classes]
 */
export function mixtureCosines({ sum, squared }: Mixture): Float32Array {
  const lengths = squared.map((square) => Math.sqrt(Math.max(square, 1e-12)));
  return sum.map((value, k) => value / lengths[k % lengths.length]!);
}

export const ensembleCosines = (scores: TemplateScores, ensemble: Ensemble): Float32Array =>
  mixtureCosines(mixtureOf(scores, ensemble));

export function ensembleQuality({ scores, labels, scale }: Labelled, ensemble: Ensemble): Quality {
  return qualityOf(ensembleCosines(scores, ensemble), labels, scores.classes, scale);
}
