import { type Example, examplesOf, type ImageTextDataset, type LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import { type PartOptions, partsOf } from './parts.js';

/** So many images are told apart by their captions: each caption is embedded with each template. */
const most = 200;

/** Images whose captions stand in place of class names: image i is of class i alone. */
export interface CaptionedImages {
  readonly examples: readonly LabelledExample[];
  readonly names: readonly string[];
}

/**
 * Images of data without classes, to be told apart by one caption each: the first that no image before has. Those that are
 * reported on are other images with captions of their own.
 *
 * @throws UserError where fewer than two images have captions, or an image is in both parts
 */
export function captionedParts(
  dataset: ImageTextDataset,
  options: PartOptions,
): { readonly search: CaptionedImages; readonly heldOut: CaptionedImages } {
  const { split, heldOut, seed } = options;
  const { search } = partsOf(dataset, options);
  const used = new Set(search);
  const others = new Random(seed, 'held-out captions')
    .shuffle(examplesOf(dataset, heldOut))
    .filter((one) => !used.has(one));
  const found = captioned(search);
  if (found.names.length >= 2) return { search: found, heldOut: captioned(others) };
  throw new UserError(
    `${dataset.name}: split ${split}: expected images with a class or a caption to search by, found ${found.names.length}; name classes with ?classes= behind --data`,
  );
}

function captioned(images: readonly Example[]): CaptionedImages {
  const examples = new Map<string, LabelledExample>();
  for (const image of images) {
    const name = image.captions.find((caption) => !examples.has(caption));
    if (name !== undefined) examples.set(name, { ...image, label: examples.size });
    if (examples.size === most) break;
  }
  return { examples: [...examples.values()], names: [...examples.keys()] };
}
