import { FLOAT8_MAX, float8Values, toFloat8 } from '../../files/index.js';

/**
 * Rows of numbers in FP8 E4M3, each under a factor of its own by which its largest number becomes 448: normal numbers are kept
 * to 1/16 of themselves, smaller ones to 2⁻¹⁰ · 2⁻⁸ of the row's largest.
 *
 * @param values [n, width]
 * @param scales [n], filled
 * @param codes [n · width], filled
 */
export function writeFloat8Rows(values: Float32Array, scales: Float32Array, codes: Uint8Array): void {
  const width = values.length / scales.length;
  for (let row = 0; row < scales.length; row++) {
    const from = row * width;
    let largest = 0;
    for (let i = from; i < from + width; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / FLOAT8_MAX);
    scales[row] = scale;
    for (let i = from; i < from + width; i++) codes[i] = scale === 0 ? 0 : toFloat8(values[i]! / scale);
  }
}

/** What {@link writeFloat8Rows} wrote, into `out` from `offset`. */
export function readFloat8Rows(scales: Float32Array, codes: Uint8Array, out: Float32Array, offset: number): void {
  const values = float8Values();
  const width = codes.length / scales.length;
  for (let row = 0; row < scales.length; row++) {
    const scale = scales[row]!;
    for (let i = row * width; i < (row + 1) * width; i++) out[offset + i] = values[codes[i]!]! * scale;
  }
}
