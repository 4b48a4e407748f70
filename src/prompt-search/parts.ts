import {
  checkApart,
  type Example,
  examplesOf,
  type ImageTextDataset,
  isLabelled,
  type LabelledExample,
} from '../data/index.js';
import { Random } from '../math/index.js';

export interface PartOptions {
  /** Images to search on. */
  readonly split: string;
  /** Images to report on; the same split is cut in two. */
  readonly heldOut: string;
  /** Most images to search on. */
  readonly images: number;
  readonly seed: number;
}

/** Which images are for what; no image is for two. */
export interface Parts {
  readonly search: readonly Example[];
  readonly heldOut: readonly LabelledExample[];
}

/** @throws UserError where a split is missing, or an image is in both */
export function partsOf(dataset: ImageTextDataset, { split, heldOut, images, seed }: PartOptions): Parts {
  const all = examplesOf(dataset, split);
  if (split === heldOut) {
    const [search, rest] = halves(all, seed);
    return { search: sample(search, images, seed), heldOut: rest.filter(isLabelled) };
  }
  const search = sample(all, images, seed);
  const reported = examplesOf(dataset, heldOut).filter(isLabelled);
  checkApart(dataset, { split, examples: search }, { split: heldOut, examples: reported });
  return { search, heldOut: reported };
}

const sample = (examples: readonly Example[], most: number, seed: number) =>
  examples.length <= most ? examples : new Random(seed, 'search images').shuffle(examples).slice(0, most);

/** Two halves with as equal shares of each class as there can be, at random. */
export function halves<E extends Example>(examples: readonly E[], seed: number): [E[], E[]] {
  const byClass = new Random(seed, 'halves').shuffle(examples).sort((a, b) => (a.label ?? -1) - (b.label ?? -1));
  return [byClass.filter((_, i) => i % 2 === 0), byClass.filter((_, i) => i % 2 === 1)];
}
