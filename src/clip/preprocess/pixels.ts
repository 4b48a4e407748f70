import { UserError } from '../../errors.js';
import type { PreprocessConfig } from './preprocess-config.js';
import { resizePixels } from './resize.js';

/** Above this many pixels a picture is refused: decoded, it would take more than 400 MB. */
export const MAX_PIXELS = 100_000_000;

/** Why sharp gave no pixels of a picture, for whoever brought it. */
export function pictureError(label: string, error: unknown, maxPixels = MAX_PIXELS): UserError {
  const { message } = error as Error;
  const reason = /exceeds pixel limit/.test(message)
    ? `expected a picture of at most ${maxPixels / 1e6} million pixels`
    : /is missing/.test(message)
      ? 'expected a picture, found no such file'
      : /unsupported image format/.test(message)
        ? 'expected a picture, got something else'
        : `expected a picture that is whole, got one that is damaged: ${message}`;
  return new UserError(`${label}: ${reason}`);
}

/** Resizes as the configuration says, then cuts the central square. [height, width, 3] → [size, size, 3] */
export function resizeAndCrop(
  rgb: Uint8Array,
  from: readonly [number, number],
  config: PreprocessConfig,
  label: string,
): Uint8Array {
  const [height, width] = from;
  const { resize, size } = config;
  let to = from;
  if (typeof resize === 'number') {
    const long = (edge: number) => Math.trunc((resize * edge) / Math.min(height, width));
    to = height <= width ? [resize, long(width)] : [long(height), resize];
  } else if (resize) to = resize;
  if (to[0] * to[1] > MAX_PIXELS) {
    throw new UserError(`${label}: expected a picture that is not a thin strip, got ${width}×${height}: cut it`);
  }
  const resized = resizePixels(rgb, from, to, config.resample);
  if (!config.crop || (to[0] === size && to[1] === size)) return resized;
  const top = Math.floor((to[0] - size) / 2);
  const left = Math.floor((to[1] - size) / 2);
  const cut = new Uint8Array(size * size * 3); // where the picture is smaller it stays black
  for (let y = Math.max(0, -top); y < Math.min(size, to[0] - top); y++) {
    const first = Math.max(0, -left);
    const end = Math.min(size, to[1] - left);
    const row = (y + top) * to[1] + left;
    cut.set(resized.subarray((row + first) * 3, (row + end) * 3), (y * size + first) * 3);
  }
  return cut;
}

/**
 * Pixels to the vision tower's numbers: out[c, y, x] = (rgb[y, x, c] · rescale − mean[c]) / std[c].
 *
 * @param rgb [size, size, 3]
 * @param out filled from `offset` with [3, size, size]
 */
export function normalizePixels(
  rgb: Uint8Array,
  size: number,
  config: Pick<PreprocessConfig, 'mean' | 'std' | 'rescale'>,
  out: Float32Array,
  offset: number,
): void {
  const pixels = size * size;
  if (rgb.length !== pixels * 3 || out.length < offset + pixels * 3) {
    throw new Error(
      `normalizePixels: expected ${pixels * 3} bytes and room for as many numbers, got ${rgb.length} and ${out.length - offset}`,
    );
  }
  const [s0, s1, s2] = config.std.map((std) => config.rescale / std) as [number, number, number];
  const [m0, m1, m2] = config.mean.map((mean, c) => mean / config.std[c]!) as [number, number, number];
  const [green, blue] = [offset + pixels, offset + 2 * pixels];
  for (let i = 0, at = 0; i < pixels; i++, at += 3) {
    out[offset + i] = rgb[at]! * s0 - m0;
    out[green + i] = rgb[at + 1]! * s1 - m1;
    out[blue + i] = rgb[at + 2]! * s2 - m2;
  }
}
