import { type Interval, type Rows, wilson } from '../../math/index.js';
import { bestOf, equalMix } from './answers.js';
import { type Fusion, fusedAnswer } from './fusion.js';

/** Teachers and their rule on labelled images, as plain data. */
export interface FusionFigures {
  readonly rule: string;
  /** Split the images are of. */
  readonly split: string;
  readonly images: number;
  readonly teachers: readonly {
    readonly name: string;
    readonly top1: Interval;
    readonly temperature: number;
    /** Mean weight over the images. */
    readonly weight: number;
  }[];
  /** Top-1 of the plain mean of all answers, of the rule, and of whoever is right. */
  readonly equal: Interval;
  readonly chosen: Interval;
  readonly oracle: Interval;
  /** For each class that occurs, its images and each teacher's mean weight in them. */
  readonly classes: readonly { readonly name: string; readonly images: number; readonly weights: readonly number[] }[];
}

/** Images of known classes, as several teachers see them. */
export interface MeasuredImages {
  readonly split: string;
  /** A teacher each, unit rows; all of the same images. */
  readonly rows: readonly Rows[];
  /** Row of each image's class. */
  readonly labels: readonly number[];
}

/**
 * Measures each teacher alone, the equal mix, the rule, and the oracle pick, which is right wherever one teacher is: no choice
 * of one teacher an image does better.
 *
 * @param names of the teachers
 * @param classNames of the run's classes
 */
export function measureFusion(
  fusion: Fusion,
  { split, rows, labels }: MeasuredImages,
  names: readonly string[],
  classNames: readonly string[],
): FusionFigures {
  const n = labels.length;
  const right = { alone: names.map(() => 0), equal: 0, chosen: 0, oracle: 0 };
  const sums = new Map<number, { images: number; weights: number[] }>();
  for (const [i, label] of labels.entries()) {
    const answers = fusion.answers(
      rows,
      rows.map(() => i),
    );
    const hits = answers.map((p) => bestOf(p) === label);
    for (const [k, hit] of hits.entries()) if (hit) right.alone[k]!++;
    if (hits.some((hit) => hit)) right.oracle++;
    if (bestOf(equalMix(answers)) === label) right.equal++;
    if (bestOf(fusedAnswer(fusion, answers)) === label) right.chosen++;
    const own = sums.get(label) ?? { images: 0, weights: names.map(() => 0) };
    sums.set(label, own);
    own.images++;
    const weights = fusion.weigh(answers)(1, false);
    for (const k of names.keys()) own.weights[k]! += weights[k]!;
  }
  const classes = [...sums].map(([label, { images, weights }]) => ({
    name: classNames[label]!,
    images,
    weights: weights.map((sum) => sum / images),
  }));
  const total = (k: number) => [...sums.values()].reduce((sum, { weights }) => sum + weights[k]!, 0);
  return {
    rule: fusion.rule,
    split,
    images: n,
    teachers: names.map((name, k) => ({
      name,
      top1: wilson(right.alone[k]!, n),
      temperature: fusion.classifiers[k]!.temperature,
      weight: total(k) / n,
    })),
    equal: wilson(right.equal, n),
    chosen: wilson(right.chosen, n),
    oracle: wilson(right.oracle, n),
    classes: classes.sort((a, b) => b.weights[0]! - a.weights[0]! || a.name.localeCompare(b.name, 'en')),
  };
}
