import type { Random } from '../math/index.js';

/**
 * The classes of a step: those of its labels, and others by lot.
 *
 * @param labels columns of the classes; −1 where there is none
 * @param all how many classes there are
 * @param count how many are wanted, at least as many as there are labels
 * @returns their columns, rising
 */
export function chooseClasses(labels: Int32Array, all: number, count: number, random: Random): number[] {
  const every = Array.from({ length: all }, (_, c) => c);
  if (count === all) return every;
  const wanted = new Set([...labels].filter((label) => label >= 0));
  return [...new Set([...wanted, ...random.shuffle(every)])].slice(0, count).sort((a, b) => a - b);
}
