import { dots, type Interval, type Rows, wilson } from '../math/index.js';

/** A class and its probability. */
export interface TopClass {
  /** Index of the class. */
  readonly label: number;
  /** Among the classes it was chosen from, or, of a model with a bias, by itself: see `scoringOf`. */
  readonly probability: number;
}

/** What a model takes one image for. */
export interface Prediction {
  /** The image's id. */
  readonly id: string;
  /** Index of its true class. */
  readonly label: number;
  readonly artist?: string;
  /** The likeliest classes, the likeliest first. */
  readonly top: readonly TopClass[];
}

/** Accuracies of predictions, as fractions. */
export interface ZeroShot {
  readonly top1: Interval;
  /** Of fewer than five classes, all are among the best five. */
  readonly top5: Interval;
  /** Mean over the classes that occur of the share of their images that is recognised (balanced accuracy). */
  readonly meanPerClass: number;
  /** Mean F1 over the classes that occur or are predicted, as scikit-learn's `f1_score(average="macro")`. */
  readonly macroF1: number;
}

/**
 * One feature vector a class from several texts of it (Radford et al. 2021, §3.1.4): the mean of their unit vectors,
 * at unit length.
 *
 * @param texts unit rows
 * @param classes for each class the rows of its texts
 * @param weights of each class's texts in the mean; without them all weigh alike
 */
export function classFeatures(texts: Rows, classes: readonly (readonly number[])[], weights?: readonly number[]): Rows {
  const { width } = texts;
  const data = new Float32Array(classes.length * width);
  for (const [c, rows] of classes.entries()) {
    const sum = new Float64Array(width);
    for (const [i, row] of rows.entries()) {
      const weight = weights?.[i] ?? 1;
      for (let k = 0; k < width; k++) sum[k]! += weight * texts.data[row * width + k]!;
    }
    const length = Math.hypot(...sum) || 1;
    for (let k = 0; k < width; k++) data[c * width + k] = sum[k]! / length;
  }
  return { data, count: classes.length, width };
}

/**
 * The likeliest classes of one image by softmax(scale · cosine). Of equal classes the one that stands first wins, so
 * that a model which cannot tell classes apart scores as one that guesses.
 *
 * @param scale exp(logit_scale)
 * @param labels the class of each row of `classes`
 * @param k how many classes, or all where there are fewer
 * @param bias of a SigLIP: probabilities are σ(scale · cosine + bias)
 */
export function topClasses(
  images: Rows,
  image: number,
  classes: Rows,
  labels: readonly number[],
  scale: number,
  k: number,
  bias?: number,
): TopClass[] {
  const logits = dots(images, image, classes, new Float64Array(classes.count)).map((cosine) => scale * cosine);
  const best: number[] = [];
  for (let c = 0; c < logits.length; c++) {
    let place = best.length;
    while (place > 0 && logits[c]! > logits[best[place - 1]!]!) place--;
    if (place < k) best.splice(place, 0, c);
    if (best.length > k) best.pop();
  }
  if (bias !== undefined) {
    return best.map((c) => ({ label: labels[c]!, probability: 1 / (1 + Math.exp(-logits[c]! - bias)) }));
  }
  const highest = logits[best[0]!]!;
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  return best.map((c) => ({ label: labels[c]!, probability: Math.exp(logits[c]! - highest) / total }));
}

/**
 * Top-1 and top-5 with their 95 % intervals, and the means over classes.
 *
 * @param predictions at least one, each with its five likeliest classes
 */
export function zeroShotAccuracy(predictions: readonly Prediction[]): ZeroShot {
  const tallies = [...classTallies(predictions).values()];
  const top5 = predictions.filter(({ label, top }) => top.slice(0, 5).some((guess) => guess.label === label)).length;
  return {
    top1: top1(predictions),
    top5: wilson(top5, predictions.length),
    ...classMeans(tallies),
  };
}

/** How often a class occurs, is predicted, and is predicted where it occurs. */
export interface ClassTally {
  occurs: number;
  predicted: number;
  right: number;
}

/** Counts of every class that occurs or is predicted, by its label. */
export function classTallies(predictions: readonly Prediction[]): Map<number, ClassTally> {
  const tallies = new Map<number, ClassTally>();
  const tally = (label: number) => {
    const known = tallies.get(label) ?? { occurs: 0, predicted: 0, right: 0 };
    tallies.set(label, known);
    return known;
  };
  for (const { label, top } of predictions) {
    const answer = top[0]!.label;
    tally(label).occurs++;
    tally(answer).predicted++;
    if (answer === label) tally(label).right++;
  }
  return tallies;
}

/** Means over classes: of the share recognised, over those that occur, and of F1, over all. */
export function classMeans(tallies: readonly ClassTally[]): Pick<ZeroShot, 'meanPerClass' | 'macroF1'> {
  const occurring = tallies.filter(({ occurs }) => occurs > 0);
  return {
    meanPerClass: mean(occurring.map(({ occurs, right }) => right / occurs)),
    macroF1: mean(tallies.map(({ occurs, predicted, right }) => (2 * right) / (occurs + predicted))),
  };
}

/** Top-1 alone. */
export function top1(predictions: readonly Prediction[]): Interval {
  return wilson(predictions.filter(({ label, top }) => top[0]!.label === label).length, predictions.length);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
