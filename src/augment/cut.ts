import type { RawImage } from '../data/index.js';
import type { Background } from './background.js';

/** A part of an image, in whole pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * A part of an image without its transparency, on a background that spans the part.
 *
 * @returns [box.height, box.width, 3]
 */
export function cutOut({ width, channels, data }: RawImage, box: CropBox, background: Background): Uint8Array {
  const out = new Uint8Array(box.width * box.height * 3);
  const behind = new Float64Array(3);
  for (let y = 0; y < box.height; y++) {
    const start = ((box.top + y) * width + box.left) * channels;
    if (channels === 3) {
      out.set(data.subarray(start, start + box.width * 3), y * box.width * 3);
      continue;
    }
    for (let x = 0, from = start, to = y * box.width * 3; x < box.width; x++, from += 4, to += 3) {
      const alpha = data[from + 3]! / 255;
      if (alpha === 1) {
        out[to] = data[from]!;
        out[to + 1] = data[from + 1]!;
        out[to + 2] = data[from + 2]!;
        continue;
      }
      background((x + 0.5) / box.width, (y + 0.5) / box.height, behind);
      // Never negative: half up, as Math.round, which is slower.
      for (let c = 0; c < 3; c++) out[to + c] = data[from + c]! * alpha + behind[c]! * (1 - alpha) + 0.5;
    }
  }
  return out;
}
