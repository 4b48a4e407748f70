// A worker starts with what it runs alone: by their doors, the rooms bring models and file formats with them.
import { augmentImage } from '../augment/image.js';
import type { AugmentOptions } from '../augment/index.js';
import { type Mix, mixInto } from '../augment/mix.js';
import type { RawImage } from '../data/index.js';
import { Random } from '../math/index.js';

/** One look at an image of a list: what it shows depends on these alone. */
export interface PlainView {
  /** Place of the image in the list. */
  readonly example: number;
  /** Key of the random stream that draws crop, colours and the rest. */
  readonly key: readonly (string | number)[];
}

/** A view, or two that are mixed. */
export interface View extends PlainView {
  readonly mixed?: { readonly with: PlainView; readonly mix: Mix };
}

/** The images that a view shows. */
export const shownBy = ({ example, mixed }: View): number[] => (mixed ? [example, mixed.with.example] : [example]);

/**
 * Augments and, where the view says so, mixes.
 *
 * @param images holds all that the view shows
 * @returns [size, size, 3]
 */
export function drawView(
  view: View,
  images: ReadonlyMap<number, RawImage>,
  size: number,
  augment: AugmentOptions,
): Uint8Array {
  const draw = ({ example, key }: PlainView) => augmentImage(images.get(example)!, size, augment, new Random(...key));
  const rgb = draw(view);
  if (view.mixed) mixInto(rgb, draw(view.mixed.with), size, view.mixed.mix);
  return rgb;
}
