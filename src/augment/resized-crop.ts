import type { Random } from '../math/index.js';
import type { CropBox } from './cut.js';

export type Range = readonly [low: number, high: number];

/** Shares of the area that a crop may keep: the smallest alone, or smallest and largest. */
export const areaRange = (scale: number | Range): Range => (typeof scale === 'number' ? [scale, 1] : scale);

/** Logarithms of the aspect ratios that a crop may have: the largest change either way, or smallest and largest. */
export const logRatioRange = (ratio: number | Range): Range =>
  typeof ratio === 'number' ? [-Math.log(ratio), Math.log(ratio)] : [Math.log(ratio[0]), Math.log(ratio[1])];

/**
 * The part that torchvision's RandomResizedCrop takes: an area uniform in `area`, a ratio log-uniform in `ratio`, a place
 * where it fits. After ten tries that do not fit, the central part nearest to the ratios.
 *
 * @param ratio width / height
 */
export function drawCrop(width: number, height: number, area: Range, ratio: number | Range, random: Random): CropBox {
  const logs = logRatioRange(ratio);
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = random.uniform(...area) * width * height;
    const aspect = Math.exp(random.uniform(...logs));
    const [w, h] = [Math.round(Math.sqrt(target * aspect)), Math.round(Math.sqrt(target / aspect))];
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { left: random.int(width - w + 1), top: random.int(height - h + 1), width: w, height: h };
  }
  const [low, high] = logs.map(Math.exp) as [number, number];
  const w = Math.min(width, Math.max(1, Math.round(height * high)));
  const h = Math.min(height, Math.max(1, Math.round(width / low)));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
