import { resizePixels } from '../clip/index.js';
import type { RawImage } from '../data/index.js';
import type { Random } from '../math/index.js';
import { type Background, randomBackground, white } from './background.js';
import { gaussianBlur } from './blur.js';
import { jitterColours, toGray } from './colour.js';
import { cutOut } from './cut.js';
import { erase, usualErasing } from './erasing.js';
import type { AugmentOptions } from './options.js';
import { randAugment } from './rand-augment.js';
import { areaRange, drawCrop, logRatioRange } from './resized-crop.js';
import { sample } from './sample.js';
import { type Affine, rotate, shiftPixels } from './shift.js';

/**
 * One random view of an image: crop, mirror and rotation on a random background, then RandAugment, colours, gray, blur
 * and erasing. It depends on image, options and the random stream's key alone.
 *
 * @returns [size, size, 3]
 */
export function augmentImage(image: RawImage, size: number, options: AugmentOptions, random: Random): Uint8Array {
  const { randaugment, jitter, hue, grayscale, blur, erasing } = options;
  const rgb = options.interpolation
    ? resizedCrop(image, size, options, options.interpolation, random)
    : sampledCrop(image, size, options, random);
  if (randaugment) randAugment(rgb, size, randaugment, random);
  jitterColours(rgb, typeof jitter === 'number' ? [jitter, jitter, jitter] : jitter, hue, random);
  if (random.float() < grayscale) toGray(rgb);
  if (blur && random.float() < blur.probability) {
    gaussianBlur(rgb, size, blur.kernel ?? usualKernel(size), random.uniform(...blur.sigma));
  }
  const { probability, ...erased } = typeof erasing === 'number' ? { probability: erasing, ...usualErasing } : erasing;
  if (random.float() < probability) erase(rgb, size, erased, random);
  return rgb;
}

/** A tenth of the image (Chen et al., arXiv 2002.05709), made odd. */
const usualKernel = (size: number) => 2 * Math.floor(size / 20) + 1;

const drawBackground = (options: AugmentOptions, random: Random): Background =>
  options.background ? randomBackground(random) : white;

/** torchvision's RandomResizedCrop, RandomHorizontalFlip and RandomRotation. */
function resizedCrop(
  image: RawImage,
  size: number,
  o: AugmentOptions,
  interpolation: 'bilinear' | 'bicubic',
  random: Random,
): Uint8Array {
  const box = drawCrop(image.width, image.height, areaRange(o.scale), o.ratio, random);
  const isMirrored = random.float() < o.flip;
  const angle = random.uniform(-o.rotation, o.rotation);
  const cut = cutOut(image, box, drawBackground(o, random));
  const rgb = resizePixels(cut, [box.height, box.width], [size, size], interpolation === 'bilinear' ? 2 : 3);
  if (isMirrored) mirror(rgb, size);
  if (angle !== 0) shiftPixels(rgb, size, rotate(angle, size));
  return rgb;
}

function mirror(rgb: Uint8Array, size: number): void {
  for (let y = 0; y < size; y++) {
    let left = y * size * 3;
    for (let right = left + (size - 1) * 3; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const value = rgb[left + c]!;
        rgb[left + c] = rgb[right + c]!;
        rgb[right + c] = value;
      }
    }
  }
}

/** Crop, aspect ratio, mirror and rotation in one resampling. */
function sampledCrop(image: RawImage, size: number, options: AugmentOptions, random: Random): Uint8Array {
  const affine = randomView(image, size, options, random);
  return sample(image, size, affine, drawBackground(options, random));
}

/** A crop out of the size of the shorter edge's square, a mirror and a rotation about the crop's centre. */
function randomView({ width, height }: RawImage, size: number, o: AugmentOptions, random: Random): Affine {
  const short = Math.min(width, height);
  const area = random.uniform(...areaRange(o.scale)) * short * short;
  const ratio = Math.exp(random.uniform(...logRatioRange(o.ratio)));
  const w = Math.min(width, Math.sqrt(area * ratio));
  const h = Math.min(height, Math.sqrt(area / ratio));
  const centreX = random.uniform(w / 2, width - w / 2);
  const centreY = random.uniform(h / 2, height - h / 2);
  const flip = random.float() < o.flip ? -1 : 1;
  const angle = (random.uniform(-o.rotation, o.rotation) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [stepX, stepY] = [(flip * w) / size, h / size];
  // Output (x + ½, y + ½) − size/2, scaled to the crop, turned, moved to the crop's centre; −½ back to pixel indices.
  const [a, b, d, e] = [cos * stepX, -sin * stepY, sin * stepX, cos * stepY];
  const middle = (1 - size) / 2;
  return [a, b, centreX - 0.5 + (a + b) * middle, d, e, centreY - 0.5 + (d + e) * middle];
}
