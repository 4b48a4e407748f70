import { Random, type Rows } from '../../math/index.js';
import { bestOf, equalMix } from './answers.js';
import { shares, type Weigh } from './simple-rules.js';

/** Teachers' answers on one held-out image, and its class. */
export interface HeldOutAnswers {
  readonly answers: readonly Float64Array[];
  readonly label: number;
}

/**
 * Groups of classes by their text features, so that correctness can be counted where classes have few images: k-means on
 * unit rows by cosine, from classes drawn by lot, ten passes.
 *
 * @param classes unit rows [C, P]
 * @returns group of each class, from 0
 */
export function classGroups(classes: Rows, count: number, seed: number): number[] {
  const { width, data } = classes;
  const wanted = Math.min(count, classes.count);
  const row = (of: Float32Array, i: number) => of.subarray(i * width, (i + 1) * width);
  const all = Array.from({ length: classes.count }, (_, c) => c);
  const centres = new Float32Array(wanted * width);
  for (const [g, c] of new Random(seed, 'class groups').shuffle(all).slice(0, wanted).entries())
    centres.set(row(data, c), g * width);
  let groups: number[] = [];
  for (let pass = 0; pass < 10; pass++) {
    groups = all.map((c) => {
      const own = row(data, c);
      const cosines = Array.from({ length: wanted }, (_, g) => own.reduce((s, x, k) => s + x * row(centres, g)[k]!, 0));
      return bestOf(cosines);
    });
    centres.fill(0);
    for (const [c, g] of groups.entries()) {
      const centre = row(centres, g);
      for (const [k, x] of row(data, c).entries()) centre[k]! += x;
    }
    for (let g = 0; g < wanted; g++) {
      const centre = row(centres, g);
      const length = Math.hypot(...centre) || 1;
      for (let k = 0; k < width; k++) centre[k]! /= length;
    }
  }
  return groups;
}

/**
 * Weights by held-out correctness: w_k ∝ r_k(g), the share of held-out images that teacher k gets right among those which
 * the equal mix takes for a class of group g. The group is by the mix's answer and not by the true class, which is not known
 * where the weights are used. Few images are drawn towards the teacher's share over all: r_k(g) = (hits + 4 r_k) / (n + 4).
 */
export function validatedWeights(heldOut: readonly HeldOutAnswers[], groups: readonly number[]): Weigh {
  const teachers = heldOut[0]!.answers.length;
  const count = Math.max(...groups) + 1;
  const images = new Float64Array(count);
  const hits = Array.from({ length: teachers }, () => new Float64Array(count));
  const groupOf = (answers: readonly Float64Array[]) => groups[bestOf(equalMix(answers))]!;
  for (const { answers, label } of heldOut) {
    const group = groupOf(answers);
    images[group]!++;
    for (const [k, p] of answers.entries()) if (bestOf(p) === label) hits[k]![group]!++;
  }
  const table = Array.from({ length: count }, (_, g) =>
    shares(
      hits.map((own) => {
        const overall = own.reduce((sum, n) => sum + n, 0) / heldOut.length;
        return (own[g]! + 4 * overall) / (images[g]! + 4);
      }),
    ),
  );
  return (answers) => table[groupOf(answers)]!.slice();
}
