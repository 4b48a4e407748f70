import { resizePixels } from '../clip/index.js';
import type { Picture } from '../data/index.js';
import { white } from './background.js';
import { cutOut } from './cut.js';

/**
 * The picture as it is: transparent parts on white, shortest edge resized to `size` (bicubic, antialiased), the
 * central square.
 *
 * @returns [size, size, 3]
 */
export function plainImage(picture: Picture, size: number): Uint8Array {
  const { width, height } = picture;
  const short = Math.min(width, height);
  const [left, top] = [Math.floor((width - short) / 2), Math.floor((height - short) / 2)];
  const square = cutOut(picture, { left, top, width: short, height: short }, white);
  return short === size ? square : resizePixels(square, [short, short], [size, size], 3);
}
