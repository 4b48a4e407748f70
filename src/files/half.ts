import { UserError } from '../errors.js';

let halfTable: Uint32Array | undefined;

/** Bits of the binary32 value of each of the 65,536 binary16 patterns: a table look-up is faster than taking each apart. */
function halfBits(): Uint32Array {
  if (halfTable) return halfTable;
  const table = new Float32Array(65536);
  const bits = new Uint32Array(table.buffer);
  for (let h = 0; h < 65536; h++) {
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const mantissa = h & 1023;
    if (exponent === 0) table[h] = (sign ? -1 : 1) * mantissa * 2 ** -24;
    else if (exponent === 31) bits[h] = (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
    else bits[h] = (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  }
  halfTable = bits;
  return bits;
}

/** binary16 → binary32, exact. `out` is filled from `offset`. */
export function halfToFloat(
  half: Uint16Array,
  out: Float32Array = new Float32Array(half.length),
  offset = 0,
): Float32Array {
  const table = halfBits();
  const bits = new Uint32Array(out.buffer, out.byteOffset + 4 * offset, half.length); // whole numbers are copied as they are
  for (let i = 0; i < half.length; i++) bits[i] = table[half[i]!]!;
  return out;
}

/** bfloat16 → binary32, exact: its bits are the upper half of a binary32. `out` is filled from `offset`. */
export function bfloatToFloat(
  bfloat: Uint16Array,
  out: Float32Array = new Float32Array(bfloat.length),
  offset = 0,
): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bfloat.length; i++) bits[offset + i] = bfloat[i]! << 16;
  return out;
}

/** binary32 → binary16, rounded to nearest, ties to even; from 65,520 on it becomes infinity, as IEEE 754 says. */
export function floatToHalf(float: Float32Array, out: Uint16Array = new Uint16Array(float.length)): Uint16Array {
  const bits = new Uint32Array(float.buffer, float.byteOffset, float.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    if (magnitude >= 0x47800000) {
      out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00); // NaN, or too large
    } else if (magnitude >= 0x38800000) {
      const rebiased = magnitude - 0x38000000;
      out[i] = sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13); // a carry runs on into the exponent
    } else if (magnitude <= 0x33000000) {
      out[i] = sign; // up to half of the least subnormal
    } else {
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - (magnitude >>> 23);
      const whole = mantissa >>> shift;
      const rest = mantissa & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      out[i] = sign | (rest > tie || (rest === tie && (whole & 1) === 1) ? whole + 1 : whole);
    }
  }
  return out;
}

/** {@link floatToHalf} of a named tensor. @throws UserError where a finite value does not fit. */
export function toHalf(name: string, data: Float32Array): Uint16Array {
  const half = floatToHalf(data);
  for (let i = 0; i < half.length; i++) {
    if ((half[i]! & 0x7fff) === 0x7c00 && Number.isFinite(data[i]!)) {
      throw new UserError(`${name}: expected values within ±65,504 for F16, got ${data[i]}: store it as F32`);
    }
  }
  return half;
}
