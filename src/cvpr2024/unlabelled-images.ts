import { type Example, examplesOf, type ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';

/**
 * The images that the student learns from, without their labels: those of a split, and with `all` classes those of the
 * novel classes beside it, as in the paper's code, whose student sees the whole training split.
 */
export function unlabelledImages(
  dataset: ImageTextDataset,
  split: string,
  classes: Cvpr2024Recipe['distillation']['classes'],
): readonly Example[] {
  const own = examplesOf(dataset, split);
  const novel = classes === 'all' ? dataset.aside?.[split] : undefined;
  return novel ? [...own, ...novel] : own;
}

/**
 * @throws UserError where the student is to learn from images of all classes and the data has none of its novel classes
 *   but those that are measured on
 */
export function checkUnlabelled(dataset: ImageTextDataset, { data, distillation }: Cvpr2024Recipe): void {
  const { split } = data;
  if (distillation.classes === 'base' || !dataset.classes.some(({ novel }) => novel) || dataset.aside?.[split]) return;
  throw new UserError(
    `${dataset.name}: distillation.classes=all: expected images of novel classes in ${split} to learn from without labels, found none; set distillation.classes=base to learn from the base classes alone`,
  );
}
