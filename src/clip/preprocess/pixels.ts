import { UserError } from '../../errors.js';
import type { PreprocessConfig } from './preprocess-config.js';
import { resizePixels } from './resize.js';

/** Above this many pixels an image is refused: decoded, it would take more than 400 MB. */
export const MAX_PIXELS = 100_000_000;

/** Why sharp gave no pixels of an image, for whoever brought it. */
export function imageError(label: string, error: unknown, maxPixels = MAX_PIXELS): UserError {
  const { message } = error as Error;
  const reason = /exceeds pixel limit/.test(message)
    ? `expected an image of at most ${maxPixels / 1e6} million pixels`
    : /is missing/.test(message)
      ? 'expected an image, found no such file'
      : /unsupported image format/.test(message)
        ? 'expected an image, got something else'
        : `expected an image that is whole, got one that is damaged: ${plainFault(message)}`;
  return new UserError(`${label}: ${reason}`);
}

/** The last of what libvips says, without its name: the lines before say what it read over. */
const plainFault = (message: string): string => {
  const last = message
    .trim()
    .split('\n')
    .at(-1)!
    .replace(/^Vips\w+: /, '');
  return last === 'Unknown error' ? 'it is cut short' : last;
};

/**
 * Resizes as the configuration says, then cuts the central square. What lies outside the square is not computed.
 * [height, width, 3] → [size, size, 3]
 *
 * @throws UserError for a strip whose resized form would have more than {@link MAX_PIXELS}
 */
export function resizeAndCrop(
  rgb: Uint8Array,
  from: readonly [number, number],
  config: PreprocessConfig,
  label: string,
): Uint8Array {
  const { size, resample } = config;
  const to = resizedShape(from, config.resize);
  if (to[0] * to[1] > MAX_PIXELS) {
    throw new UserError(`${label}: expected an image that is not a thin strip, got ${from[1]}×${from[0]}: cut it`);
  }
  if (!config.crop) return resizePixels(rgb, from, to, resample);
  const [top, left] = [cropOffset(to[0] - size, config), cropOffset(to[1] - size, config)];
  const part = {
    ...{ top: Math.max(0, top), left: Math.max(0, left), height: Math.min(size, to[0]), width: Math.min(size, to[1]) },
  };
  const cut = resizePixels(rgb, from, to, resample, part);
  if (part.height === size && part.width === size) return cut;
  const filled = new Uint8Array(size * size * 3); // where there is less image than square it stays black
  const [down, across] = [Math.max(0, -top), Math.max(0, -left)];
  for (let y = 0; y < part.height; y++) {
    const row = cut.subarray(y * part.width * 3, (y + 1) * part.width * 3);
    filled.set(row, ((y + down) * size + across) * 3);
  }
  return filled;
}

function resizedShape(from: readonly [number, number], resize: PreprocessConfig['resize']): readonly [number, number] {
  const [height, width] = from;
  if (resize === undefined) return from;
  if (typeof resize === 'number') {
    const long = (edge: number) => Math.trunc((resize * edge) / Math.min(height, width));
    return height <= width ? [resize, long(width)] : [long(height), resize];
  }
  if (!('longest' in resize)) return resize;
  const ratio = Math.max(height / resize.longest, width / resize.longest);
  return [Math.max(1, roundHalfEven(height / ratio)), Math.max(1, roundHalfEven(width / ratio))];
}

/** Where the square begins in a resized edge that is longer than it by `margin`; below 0 that many rows are filled. */
function cropOffset(margin: number, { torchvisionCrop }: PreprocessConfig): number {
  if (!torchvisionCrop) return Math.floor(margin / 2);
  return margin < 0 ? Math.ceil(margin / 2) : roundHalfEven(margin / 2);
}

/** Python's `round`. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
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
