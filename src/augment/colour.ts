import type { Random } from '../random.js';

const luma = (rgb: Uint8Array, i: number) => 0.2989 * rgb[i]! + 0.587 * rgb[i + 1]! + 0.114 * rgb[i + 2]!;

/** torchvision's ColorJitter without hue: brightness, contrast and saturation in random order. In place. */
export function jitterColours(rgb: Uint8Array, strength: number, random: Random): void {
  const factor = () => random.uniform(Math.max(0, 1 - strength), 1 + strength);
  for (const change of random.shuffle([brightness, contrast, saturation])) change(rgb, factor());
}

function brightness(rgb: Uint8Array, factor: number): void {
  for (let i = 0; i < rgb.length; i++) rgb[i] = byte(rgb[i]! * factor);
}

/** Away from or towards the picture's mean gray. */
function contrast(rgb: Uint8Array, factor: number): void {
  let mean = 0;
  for (let i = 0; i < rgb.length; i += 3) mean += luma(rgb, i);
  mean /= rgb.length / 3;
  for (let i = 0; i < rgb.length; i++) rgb[i] = byte(mean + (rgb[i]! - mean) * factor);
}

/** Away from or towards each pixel's gray. */
function saturation(rgb: Uint8Array, factor: number): void {
  for (let i = 0; i < rgb.length; i += 3) {
    const gray = luma(rgb, i);
    for (let c = i; c < i + 3; c++) rgb[c] = byte(gray + (rgb[c]! - gray) * factor);
  }
}

/** Every pixel at its luma. In place. */
export function toGray(rgb: Uint8Array): void {
  for (let i = 0; i < rgb.length; i += 3) rgb.fill(byte(luma(rgb, i)), i, i + 3);
}

const byte = (x: number) => Math.round(Math.min(255, Math.max(0, x)));
