/**
 * Pillow's resampling of 8-bit images, bit for bit: image processors are defined by it, and other libraries place
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

const NEAREST = 0;

/** Pillow's numbers of the kernels that `resizePixels` knows. */
export const resampleCodes: readonly number[] = [NEAREST, ...Object.keys(KERNELS).map(Number)];

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

/** A part of an image, in whole pixels. */
export interface Part {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Resizes an RGB image.
 *
 * @param pixels [height, width, 3]
 * @param resample Pillow's number: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming
 * @param part of the result, which alone is computed; left out: all of it
 * @returns [part.height, part.width, 3]
 */
export function resizePixels(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
  resample = 3,
  part: Part = { top: 0, left: 0, height: toHeight, width: toWidth },
): Uint8Array {
  if (resample === NEAREST) return nearest(pixels, [height, width], [toHeight, toWidth], part);
  const kernel = KERNELS[resample]!;
  const vertical = toHeight === height ? undefined : tapsFor(height, toHeight, kernel);
  const last = part.top + part.height - 1;
  const firstRow = vertical ? vertical.bounds[part.top * 2]! : part.top;
  const endRow = vertical ? vertical.bounds[last * 2]! + vertical.bounds[last * 2 + 1]! : last + 1;
  const stride = part.width * 3;
  let rows: Uint8Array; // [endRow - firstRow, part.width, 3]
  if (toWidth !== width) {
    const across = new Uint8ClampedArray((endRow - firstRow) * stride);
    const taps = tapsFor(width, toWidth, kernel);
    for (let y = firstRow; y < endRow; y++) {
      alongRow(pixels, y * width * 3, across, (y - firstRow) * stride, taps, part.left, part.width);
    }
    rows = new Uint8Array(across.buffer);
  } else rows = cutRows(pixels, width, { ...part, top: firstRow, height: endRow - firstRow });
  if (!vertical) return rows;
  const columns = new Uint8ClampedArray(part.height * stride);
  for (let y = 0; y < part.height; y++) acrossRows(rows, firstRow, stride, columns, y, part.top + y, vertical);
  return new Uint8Array(columns.buffer);
}

/** A part of an image as it is; the image itself where the part is all of it. */
function cutRows(pixels: Uint8Array, width: number, { top, left, height, width: wide }: Part): Uint8Array {
  if (wide === width) return pixels.subarray(top * width * 3, (top + height) * width * 3);
  const out = new Uint8Array(height * wide * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * width + left) * 3;
    out.set(pixels.subarray(start, start + wide * 3), y * wide * 3);
  }
  return out;
}

/** Each pixel is the input's under its centre. Places are summed up step by step, as in Pillow's `ImagingScaleAffine`. */
function nearest(
  pixels: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
  part: Part,
): Uint8Array {
  const places = (from: number, to: number) => {
    const step = from / to;
    let at = step * 0.5;
    return Int32Array.from({ length: to }, () => {
      const place = Math.min(from - 1, Math.trunc(at));
      at += step;
      return place;
    });
  };
  const [ys, xs] = [places(height, toHeight), places(width, toWidth)];
  const out = new Uint8Array(part.height * part.width * 3);
  let to = 0;
  for (let y = part.top; y < part.top + part.height; y++) {
    for (let x = part.left; x < part.left + part.width; x++) {
      const from = (ys[y]! * width + xs[x]!) * 3;
      out[to++] = pixels[from]!;
      out[to++] = pixels[from + 1]!;
      out[to++] = pixels[from + 2]!;
    }
  }
  return out;
}

/** Of a row of RGB pixels through the taps those from `left` on. */
function alongRow(
  from: Uint8Array,
  start: number,
  to: Uint8ClampedArray,
  toStart: number,
  { size, bounds, weights }: Taps,
  left: number,
  count: number,
): void {
  for (let i = left, out = toStart; i < left + count; i++, out += 3) {
    const first = i * size;
    weigh(from, start + bounds[i * 2]! * 3, 3, weights, first, first + bounds[i * 2 + 1]!, to, out);
  }
}

/** Row `y` of the result out of the rows that its taps weigh; `from` begins with row `firstRow`. */
function acrossRows(
  from: Uint8Array,
  firstRow: number,
  stride: number,
  to: Uint8ClampedArray,
  toRow: number,
  y: number,
  { size, bounds, weights }: Taps,
): void {
  const start = (bounds[y * 2]! - firstRow) * stride;
  const [first, end] = [y * size, y * size + bounds[y * 2 + 1]!];
  for (let i = 0; i < stride; i += 3) weigh(from, start + i, stride, weights, first, end, to, toRow * stride + i);
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
