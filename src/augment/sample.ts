import type { Picture } from '../data/index.js';
import type { Background } from './background.js';
import type { Affine } from './shift.js';

/**
 * Bilinear resampling over the background. Beyond its edge a transparent picture is transparent, an opaque one goes
 * on with its edge.
 *
 * @param affine from output pixel to source pixel, both counted from 0 at their centres
 * @returns [size, size, 3]
 */
export function sample(picture: Picture, size: number, affine: Affine, background: Background): Uint8Array {
  const { width, height, channels, data } = picture;
  const [a, b, c, d, e, f] = affine;
  const out = new Uint8Array(size * size * 3);
  const behind = new Float64Array(3);
  const [right, bottom] = [width - 1, height - 1];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sx = a * x + b * y + c;
      const sy = d * x + e * y + f;
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      const tx = sx - x0;
      const ty = sy - y0;
      // Where all four corners lie inside, none has to be held at the edge.
      const isInside = x0 >= 0 && y0 >= 0 && x0 < right && y0 < bottom;
      let [red, green, blue, cover] = [0, 0, 0, 0];
      for (let corner = 0; corner < 4; corner++) {
        const cx = x0 + (corner & 1);
        const cy = y0 + (corner >> 1);
        const px = isInside ? cx : Math.min(right, Math.max(0, cx));
        const py = isInside ? cy : Math.min(bottom, Math.max(0, cy));
        if (channels === 4 && (px !== cx || py !== cy)) continue;
        const at = (py * width + px) * channels;
        let weight = (corner & 1 ? tx : 1 - tx) * (corner >> 1 ? ty : 1 - ty);
        if (channels === 4) weight *= data[at + 3]! / 255;
        red += weight * data[at]!;
        green += weight * data[at + 1]!;
        blue += weight * data[at + 2]!;
        cover += weight;
      }
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
