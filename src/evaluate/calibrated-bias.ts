import { dots, type Rows } from '../math/index.js';
import { harmonicMean } from './base-novel.js';

/** What a model answers on one image when base and novel classes are told apart together. */
export interface BiasedAnswer {
  /** Whether the image is of a novel class. */
  readonly novel: boolean;
  /** Whether the best class of the image's own kind, base or novel, is its true class. */
  readonly right: boolean;
  /** The best base class's score less the best novel class's: the bias from which on a novel class is answered. */
  readonly margin: number;
}

/** Accuracies at one bias. */
export interface BiasPoint {
  /** Added to the scores of novel classes. */
  readonly bias: number;
  /** Accuracy on images of base classes, among all classes. */
  readonly seen: number;
  /** Accuracy on images of novel classes, among all classes. */
  readonly unseen: number;
  readonly harmonic: number;
}

/** Generalised accuracies over the calibration bias: see {@link calibratedBias}. */
export interface CalibratedBias {
  /** Without a bias. */
  readonly unbiased: BiasPoint;
  /** Where the harmonic mean is largest; of several such biases, the least. */
  readonly best: BiasPoint;
  /** The largest of each: with a bias so low or high that only base, or only novel, classes are answered. */
  readonly bestSeen: number;
  readonly bestUnseen: number;
  /** Area under the curve of unseen over seen accuracy, both from 0 to 1. */
  readonly auc: number;
}

/**
 * Accuracy on seen and unseen classes told apart together, over a bias on the unseen ones' scores (calibrated stacking, Chao
 * et al. 2016, arXiv 1605.04253; for pairs of attribute and object Purushwalkam et al. 2019, arXiv 1905.05908, section 4).
 * A model prefers classes that it was trained on. A bias b moves that preference:
 *
 *     answer(b) = argmax over all classes c of score(c) + b · [c is novel]
 *
 * An image is right at b where its answer is its class. Seen accuracy falls with b, unseen accuracy rises; the area
 * under that curve asks for no bias at all. The curve is exact: every bias at which an answer changes is on it. Where several
 * change at one bias, they count half there, so that a model which cannot tell the kinds apart has half of the rectangle.
 * The published code samples the curve at some twenty biases.
 *
 * The bias is chosen on the images that are measured, as the field does it: `best` is a bound, `auc` and `unbiased` are not.
 *
 * @param answers of images of both kinds, in any order
 * @throws RangeError where one kind has no image
 */
export function calibratedBias(answers: readonly BiasedAnswer[]): CalibratedBias {
  const counts = {
    seen: answers.filter(({ novel }) => !novel).length,
    unseen: answers.filter(({ novel }) => novel).length,
  };
  if (counts.seen === 0 || counts.unseen === 0)
    throw new RangeError('calibratedBias: expected images of base and of novel classes, got one kind alone');
  // What is wrong within its own kind is wrong at every bias.
  const turns = answers.filter(({ right }) => right).sort((a, b) => a.margin - b.margin);
  let right = { seen: turns.filter(({ novel }) => !novel).length, unseen: 0 };
  const point = (bias: number): BiasPoint => {
    const [seen, unseen] = [right.seen / counts.seen, right.unseen / counts.unseen];
    return { bias, seen, unseen, harmonic: harmonicMean(seen, unseen) };
  };
  const bestSeen = right.seen / counts.seen;
  // Equal scores are answered by the base class, which stands first: a bias has to exceed the margin.
  let unbiased = point(0);
  let best = point(turns[0] ? turns[0].margin - 1 : 0);
  let auc = 0;
  for (let at = 0; at < turns.length; ) {
    const { margin } = turns[at]!;
    const before = right;
    let [base, novel] = [0, 0];
    for (; at < turns.length && turns[at]!.margin === margin; at++) turns[at]!.novel ? novel++ : base++;
    right = { seen: before.seen - base, unseen: before.unseen + novel };
    auc += (base / counts.seen) * ((before.unseen + right.unseen) / 2 / counts.unseen);
    // Between this answer's change and the next one's.
    const next = turns[at]?.margin ?? margin + 2;
    const now = point((margin + next) / 2);
    if (margin < 0) unbiased = { ...now, bias: 0 };
    if (now.harmonic > best.harmonic) best = now;
  }
  return { unbiased, best, bestSeen, bestUnseen: right.unseen / counts.unseen, auc };
}

/** Classes of one kind: their features, and their labels in the same order. */
export interface KindClasses {
  readonly features: Rows;
  readonly labels: readonly number[];
}

/**
 * What {@link calibratedBias} is of: each image's best base class against its best novel class, by scale · cosine.
 *
 * @param images unit rows
 * @param examples which row is of which class
 */
export function biasedAnswers(
  images: Rows,
  examples: readonly { readonly row: number; readonly label: number }[],
  kinds: { readonly base: KindClasses; readonly novel: KindClasses },
  scale: number,
): BiasedAnswer[] {
  const bestOf = (row: number, { features, labels }: KindClasses) => {
    const scores = dots(images, row, features, new Float64Array(features.count));
    const score = scores.reduce((best, one) => Math.max(best, one));
    return { score: scale * score, label: labels[scores.indexOf(score)]! }; // of equal ones the first
  };
  const novelLabels = new Set(kinds.novel.labels);
  return examples.map(({ row, label }) => {
    const [base, novel] = [bestOf(row, kinds.base), bestOf(row, kinds.novel)];
    const isNovel = novelLabels.has(label);
    return { novel: isNovel, right: (isNovel ? novel : base).label === label, margin: base.score - novel.score };
  });
}
