import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** Pixels [B, 3, S, S] of the teacher's size, resampled bilinearly where the student's is another. */
export const fitPixels = (pixels: Tensor, size: number): Tensor =>
  pixels.shape[2] === size ? pixels : t.interpolateImages(pixels, [size, size]);
