import { resizePixels } from '../clip/index.js';
import type { Picture } from '../data/index.js';
import { white } from './background.js';

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
  const square = new Uint8Array(short * short * 3);
  const behind = new Float64Array(3);
  white(0, 0, behind);
  for (let y = 0; y < short; y++) {
    for (let x = 0; x < short; x++) {
      const from = ((top + y) * width + left + x) * picture.channels;
      const alpha = picture.channels === 4 ? picture.data[from + 3]! / 255 : 1;
      for (let c = 0; c < 3; c++) {
        square[(y * short + x) * 3 + c] = Math.round(picture.data[from + c]! * alpha + behind[c]! * (1 - alpha));
      }
    }
  }
  return short === size ? square : resizePixels(square, [short, short], [size, size], 3);
}
