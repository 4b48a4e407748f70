import type { ImageTextDataset, LabelledExample } from '../data/index.js';

/** The classes that the images' classes are sought among: all base ones, all novel ones, or both. */
export function candidateClasses(dataset: ImageTextDataset, examples: readonly LabelledExample[]): number[] {
  const kinds = new Set(examples.map(({ label }) => dataset.classes[label]!.novel));
  return dataset.classes.flatMap(({ novel }, label) => (kinds.has(novel) ? [label] : []));
}
