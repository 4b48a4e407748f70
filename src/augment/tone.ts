import { byte } from './colour.js';

/** Keeps the upper `bits` of each value. In place. */
export function posterize(rgb: Uint8Array, bits: number): void {
  const mask = 0xff & ~(2 ** (8 - bits) - 1);
  for (let i = 0; i < rgb.length; i++) rgb[i] = rgb[i]! & mask;
}

/** Values from the threshold on are inverted. In place. */
export function solarize(rgb: Uint8Array, threshold: number): void {
  for (let i = 0; i < rgb.length; i++) if (rgb[i]! >= threshold) rgb[i] = 255 - rgb[i]!;
}

/** Each channel's darkest value becomes 0, its brightest 255. In place; as Pillow, values are cut, not rounded. */
export function autoContrast(rgb: Uint8Array): void {
  mapChannels(rgb, (histogram) => {
    const low = histogram.findIndex((count) => count > 0);
    const high = histogram.findLastIndex((count) => count > 0);
    if (high <= low) return (value) => value;
    const scale = 255 / (high - low);
    return (value) => value * scale - low * scale;
  });
}

/** Flattens each channel's histogram. In place; Pillow's integer steps. */
export function equalize(rgb: Uint8Array): void {
  mapChannels(rgb, (histogram) => {
    const last = histogram.findLast((count) => count > 0)!;
    const step = Math.floor((rgb.length / 3 - last) / 255);
    if (step === 0) return (value) => value;
    const below = new Int32Array(256);
    for (let value = 1; value < 256; value++) below[value] = below[value - 1]! + histogram[value - 1]!;
    return (value) => (Math.floor(step / 2) + below[value]!) / step;
  });
}

/** Maps each channel's values by a function made from its histogram; results are cut to whole numbers in 0 to 255. */
function mapChannels(rgb: Uint8Array, make: (histogram: Uint32Array) => (value: number) => number): void {
  for (let c = 0; c < 3; c++) {
    const histogram = new Uint32Array(256);
    for (let i = c; i < rgb.length; i += 3) histogram[rgb[i]!]!++;
    const change = make(histogram);
    const table = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.max(0, Math.trunc(change(value)))));
    for (let i = c; i < rgb.length; i += 3) rgb[i] = table[rgb[i]!]!;
  }
}

/**
 * Towards (factor below 1) or away from a smoothed image: the mean of 3×3 pixels, the central one counted five times.
 * The outermost pixels stay.
 *
 * @param rgb [size, size, 3], changed in place
 */
export function sharpness(rgb: Uint8Array, size: number, factor: number): void {
  const from = rgb.slice();
  const row = size * 3;
  for (let y = 1; y < size - 1; y++) {
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      let sum = 4 * from[i]!;
      for (let line = i - row; line <= i + row; line += row) sum += from[line - 3]! + from[line]! + from[line + 3]!;
      const smooth = Math.round(sum / 13);
      rgb[i] = byte(smooth + (from[i]! - smooth) * factor);
    }
  }
}
