import { clipPreprocess } from '../clip/index.js';
import type { Random } from '../math/index.js';
import { byte } from './colour.js';
import type { CropBox } from './cut.js';
import type { Range } from './resized-crop.js';

export interface ErasingOptions {
  readonly probability: number;
  /** Share of the image's area. */
  readonly scale: Range;
  /** Height / width. */
  readonly ratio: Range;
  /**
   * `colour`: one, random. As torchvision paints after normalisation: `mean`, its 0, is CLIP's mean colour, and `noise`,
   * its `random`, every value normal by CLIP's means and deviations.
   */
  readonly fill: 'colour' | 'mean' | 'noise';
}

/** With a probability alone. */
export const usualErasing = { scale: [0.02, 0.2], ratio: [0.3, 1 / 0.3], fill: 'colour' } as const;

/**
 * RandomErasing (Zhong et al., arXiv 1708.04896) as in torchvision, once it is decided that a rectangle is erased.
 *
 * @param rgb [size, size, 3], changed in place
 */
export function erase(
  rgb: Uint8Array,
  size: number,
  options: Omit<ErasingOptions, 'probability'>,
  random: Random,
): void {
  const box = drawErased(size, options, random);
  if (!box) return;
  const paint = painter(options.fill, random);
  for (let y = box.top; y < box.top + box.height; y++) {
    for (let x = box.left; x < box.left + box.width; x++) rgb.set(paint(), (y * size + x) * 3);
  }
}

/** A rectangle of an area uniform in `scale` and a ratio log-uniform in `ratio`; none where ten tries do not fit. */
export function drawErased(
  size: number,
  { scale, ratio }: Pick<ErasingOptions, 'scale' | 'ratio'>,
  random: Random,
): CropBox | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = random.uniform(...scale) * size * size;
    const wide = Math.exp(random.uniform(-Math.log(ratio[1]), -Math.log(ratio[0])));
    const width = Math.max(1, Math.round(Math.sqrt(area * wide)));
    const height = Math.max(1, Math.round(Math.sqrt(area / wide)));
    if (width >= size || height >= size) continue;
    return { left: random.int(size - width + 1), top: random.int(size - height + 1), width, height };
  }
  return undefined;
}

function painter(fill: ErasingOptions['fill'], random: Random): () => readonly number[] {
  const { mean, std } = clipPreprocess(1);
  if (fill === 'noise') return () => mean.map((m, c) => byte(255 * (m + std[c]! * random.normal())));
  const colour = fill === 'mean' ? mean.map((m) => byte(255 * m)) : [0, 0, 0].map(() => random.int(256));
  return () => colour;
}
