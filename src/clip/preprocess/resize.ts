/**
 * Pillow's resampling of 8-bit pictures, bit for bit: image processors are defined by it, and other libraries place
 * and round their samples a little differently. After `Resample.c`: separable, antialiased when shrinking (the
 * kernel is widened by the scale), integer coefficients, rounded to 8 bits after each of its two passes.
 */

interface Kernel {
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** By Pillow's number, which `resample` in preprocessor_config.json is. */
const KERNELS: Readonly<Record<number, Kernel>> = {
  1: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) }, // Lanczos
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) }, // bilinear
  3: { support: 2, weight: cubic },
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) }, // box
  5: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) }, // Hamming
};

/** Keys' cubic with a = −1/2. */
function cubic(signed: number): number {
  const a = -0.5;
  const x = Math.abs(signed);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Pillow's numbers of the kernels that `resizePixels` knows. */
export const resampleCodes: readonly number[] = Object.keys(KERNELS).map(Number);

/** 8 bits of value, 2 of headroom, the rest of 32 for the fraction. */
const PRECISION = 22;
/** Added before the fraction is cut off: rounds. */
const HALF = 1 << (PRECISION - 1);

interface Taps {
  /** Taps of each output sample. */
  readonly size: number;
  /** First input sample and number of them, a pair an output sample. */
  readonly bounds: Int32Array;
  readonly weights: Int32Array;
}

function tapsFor(from: number, to: number, kernel: Kernel): Taps {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const size = Math.ceil(support) * 2 + 1;
  const bounds = new Int32Array(to * 2);
  const weights = new Int32Array(to * size);
  const exact = new Float64Array(size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    let total = 0;
    for (let k = 0; k < count; k++) {
      exact[k] = kernel.weight((k + first - centre + 0.5) / filterScale);
      total += exact[k]!;
    }
    for (let k = 0; k < count; k++) {
      const scaled = (exact[k]! / total) * (1 << PRECISION);
      weights[i * size + k] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
    bounds[i * 2] = first;
    bounds[i * 2 + 1] = count;
  }
  return { size, bounds, weights };
}

/**
 * Resizes an RGB picture.
 *
 * @param pixels [height, width, 3]
 * @param resample Pillow's number: 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming.
 * @returns [toHeight, toWidth, 3]
 */
export function resizePixels(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
  resample = 3,
): Uint8Array {
  const kernel = KERNELS[resample]!;
  let current = pixels;
  if (toWidth !== width) {
    const rows = new Uint8ClampedArray(height * toWidth * 3);
    const taps = tapsFor(width, toWidth, kernel);
    for (let y = 0; y < height; y++) alongRow(current, y * width * 3, rows, y * toWidth * 3, taps, toWidth);
    current = new Uint8Array(rows.buffer);
  }
  if (toHeight !== height) {
    const stride = toWidth * 3;
    const columns = new Uint8ClampedArray(toHeight * stride);
    const taps = tapsFor(height, toHeight, kernel);
    for (let y = 0; y < toHeight; y++) acrossRows(current, stride, columns, y, taps);
    current = new Uint8Array(columns.buffer);
  }
  return current;
}

/** A row of RGB pixels through the taps. */
function alongRow(
  from: Uint8Array,
  start: number,
  to: Uint8ClampedArray,
  toStart: number,
  { size, bounds, weights }: Taps,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const first = i * size;
    weigh(from, start + bounds[i * 2]! * 3, 3, weights, first, first + bounds[i * 2 + 1]!, to, toStart + i * 3);
  }
}

/** Row `y` out of the rows that its taps weigh. */
function acrossRows(
  from: Uint8Array,
  stride: number,
  to: Uint8ClampedArray,
  y: number,
  { size, bounds, weights }: Taps,
): void {
  const start = bounds[y * 2]! * stride;
  const [first, end] = [y * size, y * size + bounds[y * 2 + 1]!];
  for (let i = 0; i < stride; i += 3) weigh(from, start + i, stride, weights, first, end, to, y * stride + i);
}

/** One pixel out of those from `at` on, `step` bytes apart; overshoot is clamped as it is stored. */
function weigh(
  from: Uint8Array,
  at: number,
  step: number,
  weights: Int32Array,
  first: number,
  end: number,
  to: Uint8ClampedArray,
  out: number,
): void {
  let r = HALF;
  let g = HALF;
  let b = HALF;
  for (let k = first, pixel = at; k < end; k++, pixel += step) {
    const w = weights[k]!;
    r = (r + Math.imul(from[pixel]!, w)) | 0;
    g = (g + Math.imul(from[pixel + 1]!, w)) | 0;
    b = (b + Math.imul(from[pixel + 2]!, w)) | 0;
  }
  to[out] = r >> PRECISION;
  to[out + 1] = g >> PRECISION;
  to[out + 2] = b >> PRECISION;
}
