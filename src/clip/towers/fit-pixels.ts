import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** Pixels [B, 3, S, S] of the teacher's size, resampled bilinearly where the student's is another. */
export function fitPixels(pixels: Tensor, size: number): Tensor {
  const [batch, channels, side] = pixels.shape as [number, number, number];
  if (side === size) return pixels;
  const cells = t.transpose(t.reshape(pixels, [batch, channels, side * side])); // [B, S·S, 3]
  return t.reshape(t.transpose(t.interpolateGrid(cells, [side, side], [size, size])), [batch, channels, size, size]);
}
