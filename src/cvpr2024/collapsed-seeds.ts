import { median } from '../math/index.js';

/** How far below the median of all seeds a seed's student has collapsed, as a share. */
const far = 0.1;

/**
 * Seeds whose student came out broken: worse than the student was before, or more than 10 points below the median of all
 * seeds. Such seeds are known of the published recipe, and hide in a mean; they are named, and count like all others.
 *
 * @param seeds one figure a seed, as a share: of the student as it came, and as it was distilled
 * @returns the numbers of those seeds
 */
export function collapsedSeeds(
  seeds: readonly { readonly seed: number; readonly before: number; readonly after: number }[],
): number[] {
  const least = median(seeds.map(({ after }) => after)) - far;
  return seeds.filter(({ before, after }) => after < before || after < least).map(({ seed }) => seed);
}
