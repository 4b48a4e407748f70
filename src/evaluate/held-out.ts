import { type Example, examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';

/** Where the usual split is not there. */
const others = ['val', 'test'];

const isMeasured = (example: Example) => isLabelled(example) || example.captions.length > 0;

/**
 * The split that a run measures itself on: the one that is wanted, or `val` or `test` where the data does not have it.
 * Nothing is taken out of what is trained on: measuring changes no bits.
 *
 * @param trained the split that is trained on
 * @param onMessage told in a sentence where it is another, or none
 * @returns undefined where no split but the one trained on has images with classes or captions
 * @throws UserError where the split that is wanted is empty
 */
export function heldOutSplit(
  dataset: ImageTextDataset,
  { trained, wanted }: { readonly trained: string; readonly wanted: string },
  onMessage?: (message: string) => void,
): string | undefined {
  const isSplit = (name: string) => Object.hasOwn(dataset.splits, name);
  const there = (split: string) => split.split('+').every((part) => isSplit(part) && dataset.splits[part]!.length > 0);
  const missing = !isSplit(wanted) && !there(wanted);
  const candidates = missing ? others.filter((split) => there(split) && split !== trained) : [wanted];
  const found = candidates.find((split) => examplesOf(dataset, split).some(isMeasured));
  if (!missing) {
    if (found === undefined)
      onMessage?.(`${dataset.name}/${wanted} has neither labels nor captions: the run does not measure itself`);
    return found;
  }
  const what = `${dataset.name} has no split ${wanted}`;
  onMessage?.(
    found === undefined
      ? `${what}: the run does not measure itself; give data with one, or name another with --set evaluation.split=…`
      : `${what}: the run measures itself on ${found}${found === 'test' ? ', which is then not unseen where its best step is taken' : ''}`,
  );
  return found;
}
