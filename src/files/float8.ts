let table: Float32Array | undefined;

/** Largest value of FP8 E4M3. */
export const FLOAT8_MAX = 448;

/**
 * Value of each of the 256 patterns of FP8 E4M3 (Micikevicius et al. 2022: four bits of exponent, three of mantissa,
 * no infinity, one NaN a sign).
 */
export function float8Values(): Float32Array {
  table ??= Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code & 0x80 ? -1 : 1;
    const exponent = (code >> 3) & 15;
    const mantissa = code & 7;
    if ((code & 0x7f) === 0x7f) return Number.NaN;
    return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10));
  });
  return table;
}

const single = new Float32Array(1);
const pattern = new Uint32Array(single.buffer);

/** The pattern of a number: rounded to nearest, ties to even; what is too large becomes ±448. NaN stays NaN. */
export function toFloat8(value: number): number {
  single[0] = value;
  const bits = pattern[0]!;
  const sign = (bits >>> 24) & 0x80;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7f;
  if (magnitude >= 0x43e00000) return sign | 0x7e; // 448 and more
  if (magnitude < 0x3c800000) {
    // Below 2^-6 patterns count steps of 2^-9.
    const steps = Math.abs(single[0]!) * 512;
    const whole = Math.floor(steps);
    const rest = steps - whole;
    return sign | (rest > 0.5 || (rest === 0.5 && (whole & 1) === 1) ? whole + 1 : whole);
  }
  const rebiased = magnitude - 0x3c000000;
  return sign | Math.min(0x7e, (rebiased + 0x7ffff + ((rebiased >>> 20) & 1)) >>> 20);
}
