/**
 * torchvision's GaussianBlur: weights exp(−x²/2σ²) on `kernel` whole pixels an axis, the image mirrored at its edges
 * (the edge itself once).
 *
 * @param rgb [size, size, 3], changed in place
 * @param kernel odd number of pixels
 */
export function gaussianBlur(rgb: Uint8Array, size: number, kernel: number, sigma: number): void {
  const reach = (kernel - 1) / 2;
  const weights = Float64Array.from({ length: kernel }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const total = weights.reduce((a, b) => a + b);
  for (let i = 0; i < kernel; i++) weights[i]! /= total;
  const rows = new Float32Array(rgb.length);
  blurLines(rgb, rows, size, 3, size * 3, weights);
  const columns = new Float32Array(rgb.length);
  blurLines(rows, columns, size, size * 3, 3, weights);
  for (let i = 0; i < rgb.length; i++) rgb[i] = Math.round(columns[i]!);
}

/** Blurs along lines whose pixels are `step` values apart, the lines `line` values apart. */
function blurLines(
  from: Uint8Array | Float32Array,
  to: Float32Array,
  size: number,
  step: number,
  line: number,
  weights: Float64Array,
): void {
  const reach = (weights.length - 1) / 2;
  const places = new Int32Array(size + 2 * reach);
  for (let i = 0; i < places.length; i++) places[i] = mirrored(i - reach, size) * step;
  for (let l = 0; l < size; l++) {
    for (let i = 0; i < size; i++) {
      let [r, g, b] = [0, 0, 0];
      for (let k = 0; k < weights.length; k++) {
        const at = l * line + places[i + k]!;
        const weight = weights[k]!;
        r += weight * from[at]!;
        g += weight * from[at + 1]!;
        b += weight * from[at + 2]!;
      }
      const out = l * line + i * step;
      to[out] = r;
      to[out + 1] = g;
      to[out + 2] = b;
    }
  }
}

/** The pixel seen at a place beside the image: … 2 1 0 1 2 … */
function mirrored(place: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((place % period) + period) % period;
  return within < size ? within : period - within;
}
