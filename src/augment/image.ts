import type { Picture } from '../data/index.js';
import type { Random } from '../random.js';
import { type Background, randomBackground, white } from './background.js';
import { jitterColours, toGray } from './colour.js';
import type { AugmentOptions } from './options.js';

/** Where output pixel (x, y) lies in the source: (a·x + b·y + c, d·x + e·y + f). */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * One random view of a picture: crop, aspect ratio, mirror and rotation in one resampling, on a random background,
 * then colours, gray and erasing. It depends on picture, options and the random stream's key alone.
 *
 * @returns [size, size, 3]
 */
export function augmentImage(picture: Picture, size: number, options: AugmentOptions, random: Random): Uint8Array {
  const affine = randomView(picture, size, options, random);
  const background = options.background ? randomBackground(random) : white;
  const rgb = sample(picture, size, affine, background);
  jitterColours(rgb, options.jitter, options.hue, random);
  if (random.float() < options.grayscale) toGray(rgb);
  if (random.float() < options.erasing) erase(rgb, size, random);
  return rgb;
}

/** RandomResizedCrop's area and ratio, a mirror and a rotation about the crop's centre. */
function randomView({ width, height }: Picture, size: number, o: AugmentOptions, random: Random): Affine {
  const short = Math.min(width, height);
  const area = random.uniform(o.scale, 1) * short * short;
  const ratio = Math.exp(random.uniform(-Math.log(o.ratio), Math.log(o.ratio)));
  const w = Math.min(width, Math.sqrt(area * ratio));
  const h = Math.min(height, Math.sqrt(area / ratio));
  const centreX = random.uniform(w / 2, width - w / 2);
  const centreY = random.uniform(h / 2, height - h / 2);
  const mirror = random.float() < o.flip ? -1 : 1;
  const angle = (random.uniform(-o.rotation, o.rotation) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [stepX, stepY] = [(mirror * w) / size, h / size];
  // Output (x + ½, y + ½) − size/2, scaled to the crop, turned, moved to the crop's centre; −½ back to pixel indices.
  const [a, b, d, e] = [cos * stepX, -sin * stepY, sin * stepX, cos * stepY];
  const middle = (1 - size) / 2;
  return [a, b, centreX - 0.5 + (a + b) * middle, d, e, centreY - 0.5 + (d + e) * middle];
}

/**
 * Bilinear resampling over the background. Beyond its edge a transparent picture is transparent, an opaque one goes
 * on with its edge.
 */
function sample(picture: Picture, size: number, affine: Affine, background: Background): Uint8Array {
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
      let [red, green, blue, cover] = [0, 0, 0, 0];
      for (let corner = 0; corner < 4; corner++) {
        const cx = x0 + (corner & 1);
        const cy = y0 + (corner >> 1);
        const px = Math.min(right, Math.max(0, cx));
        const py = Math.min(bottom, Math.max(0, cy));
        if (channels === 4 && (px !== cx || py !== cy)) continue;
        const at = (py * width + px) * channels;
        let weight = (corner & 1 ? tx : 1 - tx) * (corner >> 1 ? ty : 1 - ty);
        if (channels === 4) weight *= data[at + 3]! / 255;
        red += weight * data[at]!;
        green += weight * data[at + 1]!;
        blue += weight * data[at + 2]!;
        cover += weight;
      }
      background((x + 0.5) / size, (y + 0.5) / size, behind);
      const rest = cover < 1 ? 1 - cover : 0;
      const to = (y * size + x) * 3;
      out[to] = red + behind[0]! * rest + 0.5;
      out[to + 1] = green + behind[1]! * rest + 0.5;
      out[to + 2] = blue + behind[2]! * rest + 0.5;
    }
  }
  return out;
}

/** Paints a rectangle of 2 to 20 % of the picture in one random colour (Zhong et al., arXiv 1708.04896). */
function erase(rgb: Uint8Array, size: number, random: Random): void {
  const area = random.uniform(0.02, 0.2) * size * size;
  const ratio = Math.exp(random.uniform(Math.log(0.3), Math.log(1 / 0.3)));
  const w = Math.min(size, Math.max(1, Math.round(Math.sqrt(area * ratio))));
  const h = Math.min(size, Math.max(1, Math.round(Math.sqrt(area / ratio))));
  const [left, top] = [random.int(size - w + 1), random.int(size - h + 1)];
  const colour = [random.int(256), random.int(256), random.int(256)];
  for (let y = top; y < top + h; y++) {
    for (let x = left; x < left + w; x++) rgb.set(colour, (y * size + x) * 3);
  }
}
