import { Random } from '../../math/index.js';
import type { LabelledExample } from '../dataset.js';

/**
 * A few labelled images of each class, as CoOp draws them (Zhou et al., arXiv 2109.01134): `shots` at random without
 * repeats, or all of a class that has no more; in the order of the labels.
 */
export function fewShot(examples: readonly LabelledExample[], shots: number, seed: number): LabelledExample[] {
  const byLabel = new Map<number, LabelledExample[]>();
  for (const example of examples) byLabel.set(example.label, [...(byLabel.get(example.label) ?? []), example]);
  return [...byLabel]
    .sort(([a], [b]) => a - b)
    .flatMap(([label, own]) => new Random(seed, 'few-shot', label).shuffle(own).slice(0, shots));
}
