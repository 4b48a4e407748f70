import { type Interval, wilson } from '../math/index.js';

/** So far above guessing at most may a model be that is said to guess. */
const hardlyMore = 0.1;

/**
 * The 95 % interval of a model's score where it shows that the model hardly does better than guessing: it holds guessing, and
 * ends close above it. Few images show nothing.
 *
 * @param score share of the images that it is right on
 * @param chance what guessing reaches
 * @returns undefined where the model does better, or too few images say so
 */
export function guessing(score: number, chance: number, images: number): Interval | undefined {
  const interval = wilson(Math.round(score * images), images);
  return interval.low <= chance && interval.high <= chance + hardlyMore ? interval : undefined;
}
