import type { Random } from '../math/index.js';

const luma = (rgb: Uint8Array, i: number) => 0.2989 * rgb[i]! + 0.587 * rgb[i + 1]! + 0.114 * rgb[i + 2]!;

/**
 * torchvision's ColorJitter: brightness, contrast, saturation and hue in random order. In place.
 *
 * @param strengths largest change of the factors of the first three; of 0 there is none
 */
export function jitterColours(
  rgb: Uint8Array,
  strengths: readonly [number, number, number],
  largestTurn: number,
  random: Random,
): void {
  const changes: ((rgb: Uint8Array) => void)[] = [];
  for (const [i, change] of [brightness, contrast, saturation].entries()) {
    const strength = strengths[i]!;
    if (strength > 0) changes.push((pixels) => change(pixels, random.uniform(Math.max(0, 1 - strength), 1 + strength)));
  }
  if (largestTurn > 0) changes.push((pixels) => hue(pixels, random.uniform(-largestTurn, largestTurn)));
  for (const change of random.shuffle(changes)) change(rgb);
}

/** Every value scaled. */
export function brightness(rgb: Uint8Array, factor: number): void {
  mapValues(rgb, (value) => value * factor);
}

/** Away from or towards the image's mean gray. */
export function contrast(rgb: Uint8Array, factor: number): void {
  let mean = 0;
  for (let i = 0; i < rgb.length; i += 3) mean += luma(rgb, i);
  mean /= rgb.length / 3;
  mapValues(rgb, (value) => mean + (value - mean) * factor);
}

/** There are 256 values and many more numbers. */
function mapValues(rgb: Uint8Array, change: (value: number) => number): void {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++) table[value] = byte(change(value));
  for (let i = 0; i < rgb.length; i++) rgb[i] = table[rgb[i]!]!;
}

/** Away from or towards each pixel's gray. */
export function saturation(rgb: Uint8Array, factor: number): void {
  for (let i = 0; i < rgb.length; i += 3) {
    const gray = luma(rgb, i);
    rgb[i] = byte(gray + (rgb[i]! - gray) * factor);
    rgb[i + 1] = byte(gray + (rgb[i + 1]! - gray) * factor);
    rgb[i + 2] = byte(gray + (rgb[i + 2]! - gray) * factor);
  }
}

/** Turns every pixel's hue by a share of the colour circle; saturation and value of HSV stay. */
export function hue(rgb: Uint8Array, turn: number): void {
  for (let i = 0; i < rgb.length; i += 3) {
    const [r, g, b] = [rgb[i]!, rgb[i + 1]!, rgb[i + 2]!];
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    if (chroma === 0) continue;
    const sector = value === r ? (g - b) / chroma : value === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
    const turned = sector + 6 * turn;
    for (let c = 0; c < 3; c++) {
      // Distance from the channel's own hue (0, 2 and 4 sixths): 1 in from it on the channel is full, 2 off it is empty.
      const away = Math.abs(((((turned - 2 * c + 3) % 6) + 6) % 6) - 3);
      rgb[i + c] = byte(value - chroma * Math.min(1, Math.max(0, away - 1)));
    }
  }
}

/** Every pixel at its luma. In place. */
export function toGray(rgb: Uint8Array): void {
  for (let i = 0; i < rgb.length; i += 3) rgb[i] = rgb[i + 1] = rgb[i + 2] = byte(luma(rgb, i));
}

/** The nearest whole number in 0 to 255. */
export const byte = (x: number): number => (x <= 0 ? 0 : x >= 255 ? 255 : (x + 0.5) | 0);
