import { closest, UserError } from '../../errors.js';
import type { Example, ImageTextDataset, LabelledExample } from '../dataset.js';

/**
 * The images of a split, at least one; of several joined as `val+style`, one after the other.
 *
 * @throws UserError where there is no such split, or nothing in it
 */
export function examplesOf(dataset: ImageTextDataset, split: string): readonly Example[] {
  const names = Object.keys(dataset.splits);
  const parts = Object.hasOwn(dataset.splits, split) ? [split] : split.split('+');
  const examples = parts.flatMap((name) => {
    // A split may have any name, also one that every object knows.
    if (Object.hasOwn(dataset.splits, name)) return dataset.splits[name]!;
    const near = closest(name, names);
    throw new UserError(
      `${dataset.name}: no split ${name}; it has ${names.join(', ')}; ${near ? `did you mean ${near}?` : 'choose one of these, or give data with that split'}`,
    );
  });
  if (examples.length === 0) throw new UserError(`${dataset.name}: the split ${split} is empty; choose another`);
  return examples;
}

/**
 * What is reported on must not have been used before, under whatever name of a split.
 *
 * @throws UserError naming an image that is in both
 */
export function checkApart(
  dataset: ImageTextDataset,
  used: { readonly split: string; readonly examples: readonly Example[] },
  reported: { readonly split: string; readonly examples: readonly Example[] },
): void {
  const ids = new Set(used.examples.map(({ id }) => id));
  const twice = reported.examples.find(({ id }) => ids.has(id));
  if (!twice) return;
  throw new UserError(
    `${dataset.name}: ${twice.id} is in the split ${used.split} and in ${reported.split}: report on other images than those used before`,
  );
}

/** Each caption of some images once. */
export const captionsOf = (examples: readonly Example[]): Set<string> =>
  new Set(examples.flatMap(({ captions }) => captions));

/** Whether an image's class is known. */
export const isLabelled = (example: Example): example is LabelledExample => example.label !== undefined;

/** The images of a split whose class is known, at least one. @throws UserError where there is none */
export function labelledOf(dataset: ImageTextDataset, split: string): readonly LabelledExample[] {
  const labelled = examplesOf(dataset, split).filter(isLabelled);
  if (labelled.length === 0) {
    throw new UserError(
      `${dataset.name}: expected images with a class in the split ${split}, found none; give data with labels`,
    );
  }
  return labelled;
}
