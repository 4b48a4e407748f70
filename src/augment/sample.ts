import type { RawImage } from '../data/index.js';
import type { Background } from './background.js';
import type { Affine } from './shift.js';

/**
 * Bilinear resampling over the background. Beyond its edge a transparent image is transparent, an opaque one goes
 * on with its edge.
 *
 * @param affine from output pixel to source pixel, both counted from 0 at their centres
 * @returns [size, size, 3]
 */
export function sample(image: RawImage, size: number, affine: Affine, background: Background): Uint8Array {
  const { width, height, channels, data } = image;
  const [a, b, c, d, e, f] = affine;
  const out = new Uint8Array(size * size * 3);
  const behind = new Float64Array(3);
  const [right, bottom] = [width - 1, height - 1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sx = a * x + b * y + c;
      const sy = d * x + e * y + f;
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)];
      // The four pixels around, those beyond the edge held at it.
      const px0 = Math.min(right, Math.max(0, x0));
      const px1 = Math.min(right, Math.max(0, x0 + 1));
      const py0 = Math.min(bottom, Math.max(0, y0));
      const py1 = Math.min(bottom, Math.max(0, y0 + 1));
      const at00 = (py0 * width + px0) * channels;
      const at10 = (py0 * width + px1) * channels;
      const at01 = (py1 * width + px0) * channels;
      const at11 = (py1 * width + px1) * channels;
      const [tx, ty] = [sx - x0, sy - y0];
      let w00 = (1 - tx) * (1 - ty);
      let w10 = tx * (1 - ty);
      let w01 = (1 - tx) * ty;
      let w11 = tx * ty;
      if (channels === 4) {
        const [left, top] = [px0 === x0 ? 1 : 0, py0 === y0 ? 1 : 0];
        const [far, low] = [px1 === x0 + 1 ? 1 : 0, py1 === y0 + 1 ? 1 : 0];
        w00 *= (left * top * data[at00 + 3]!) / 255;
        w10 *= (far * top * data[at10 + 3]!) / 255;
        w01 *= (left * low * data[at01 + 3]!) / 255;
        w11 *= (far * low * data[at11 + 3]!) / 255;
      }
      const red = w00 * data[at00]! + w10 * data[at10]! + w01 * data[at01]! + w11 * data[at11]!;
      const green = w00 * data[at00 + 1]! + w10 * data[at10 + 1]! + w01 * data[at01 + 1]! + w11 * data[at11 + 1]!;
      const blue = w00 * data[at00 + 2]! + w10 * data[at10 + 2]! + w01 * data[at01 + 2]! + w11 * data[at11 + 2]!;
      const cover = w00 + w10 + w01 + w11;
      const rest = cover < 1 ? 1 - cover : 0;
      if (rest > 0) background((x + 0.5) / size, (y + 0.5) / size, behind);
      const to = (y * size + x) * 3;
      out[to] = red + behind[0]! * rest + 0.5;
      out[to + 1] = green + behind[1]! * rest + 0.5;
      out[to + 2] = blue + behind[2]! * rest + 0.5;
    }
  }
  return out;
}
