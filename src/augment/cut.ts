import type { Picture } from '../data/index.js';
import type { Background } from './background.js';

/** A part of a picture, in whole pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * A part of a picture without its transparency, on a background that spans the part.
 *
 * @returns [box.height, box.width, 3]
 */
export function cutOut({ width, channels, data }: Picture, box: CropBox, background: Background): Uint8Array {
  const out = new Uint8Array(box.width * box.height * 3);
  const behind = new Float64Array(3);
  for (let y = 0; y < box.height; y++) {
    const start = ((box.top + y) * width + box.left) * channels;
    if (channels === 3) {
      out.set(data.subarray(start, start + box.width * 3), y * box.width * 3);
      continue;
    }
    for (let x = 0; x < box.width; x++) {
      const from = start + x * 4;
      const alpha = data[from + 3]! / 255;
      background((x + 0.5) / box.width, (y + 0.5) / box.height, behind);
      for (let c = 0; c < 3; c++) {
        out[(y * box.width + x) * 3 + c] = Math.round(data[from + c]! * alpha + behind[c]! * (1 - alpha));
      }
    }
  }
  return out;
}
