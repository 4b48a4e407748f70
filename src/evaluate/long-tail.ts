import { classCounts, type Example } from '../data/index.js';
import { UserError } from '../errors.js';
import { classMeans, classTallies, type Prediction, top1, type ZeroShot } from './zero-shot.js';

/** Training images that a class counts by; usual are 100 and 20 (Liu et al., arXiv 1904.05160). */
export interface TailLimits {
  /** A class with more is a many-shot one. @defaultValue 100 */
  readonly many?: number;
  /** A class with fewer is a few-shot one. @defaultValue 20 */
  readonly few?: number;
}

/** Figures of classes that had about as many images to train on. */
export interface TailGroup extends Pick<ZeroShot, 'top1' | 'meanPerClass' | 'macroF1'> {
  readonly name: 'many' | 'medium' | 'few';
  /** Fewest and most training images of its classes. */
  readonly trained: readonly [number, number];
  readonly classes: number;
  readonly images: number;
}

/**
 * Accuracy by how many images a class was trained on: many-, medium- and few-shot classes (Liu et al., arXiv
 * 1904.05160). A class's F1 counts the images of all classes that were taken for it. A group that no image is of is
 * left out.
 *
 * @param predictions of a split whose images are of all kinds of classes
 * @param trained the images trained on
 * @throws UserError where none of those has a class, or the limits contradict each other
 */
export function byTrainingCount(
  predictions: readonly Prediction[],
  trained: readonly Example[],
  { many = 100, few = 20 }: TailLimits = {},
): TailGroup[] {
  if (few > many + 1) {
    throw new UserError(
      `few-shot below ${few} and many-shot above ${many} overlap: expected few to be at most many + 1`,
    );
  }
  const counts = classCounts(trained);
  if (counts.size === 0) throw new UserError('expected training images with a class to count, found none');
  const countOf = (label: number) => counts.get(label) ?? 0;
  const groupOf = (label: number) => (countOf(label) > many ? 'many' : countOf(label) < few ? 'few' : 'medium');
  const tallies = [...classTallies(predictions)];
  return (['many', 'medium', 'few'] as const).flatMap((name): TailGroup[] => {
    const own = predictions.filter(({ label }) => groupOf(label) === name);
    if (own.length === 0) return [];
    const classes = [...new Set(own.map(({ label }) => label))];
    const sizes = classes.map(countOf);
    return [
      {
        name,
        trained: [Math.min(...sizes), Math.max(...sizes)],
        classes: classes.length,
        images: own.length,
        top1: top1(own),
        ...classMeans(tallies.filter(([label]) => classes.includes(label)).map(([, tally]) => tally)),
      },
    ];
  });
}
