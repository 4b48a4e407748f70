import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import type { PretrainRecipe } from './pretrain-recipe.js';

/** Where the usual split is not there. */
const others = ['val', 'test'];

/**
 * The split that a run measures itself on: the recipe's, or `val` or `test` where the data does not have that one.
 *
 * @param onMessage told in a sentence where it is another, or none
 * @returns undefined where no split but the one trained on has images whose class is known
 */
export function evaluationSplit(
  dataset: ImageTextDataset,
  { data, evaluation }: PretrainRecipe,
  onMessage?: (message: string) => void,
): string | undefined {
  const { split: wanted } = evaluation;
  const there = (split: string) => split.split('+').every((part) => (dataset.splits[part]?.length ?? 0) > 0);
  const missing = !(wanted in dataset.splits) && !there(wanted);
  const candidates = missing ? others.filter((split) => there(split) && split !== data.split) : [wanted];
  const found = candidates.find((split) => examplesOf(dataset, split).some(isLabelled));
  if (!missing) return found;
  const what = `${dataset.name} has no split ${wanted}`;
  onMessage?.(
    found === undefined
      ? `${what}: the run does not measure itself; give data with one, or name another with --set evaluation.split=…`
      : `${what}: the run measures itself on ${found}`,
  );
  return found;
}
