import { describe, expect, it } from 'vitest';
import { bfloatToFloat, floatToHalf, halfToFloat } from './half.js';

const allHalves = Uint16Array.from({ length: 65536 }, (_, i) => i);
const isNan = (half: number) => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;

describe('half precision', () => {
  it('keeps each of the 65,536 values there and back', () => {
    const back = floatToHalf(halfToFloat(allHalves));
    for (const half of allHalves) {
      if (isNan(half)) expect(isNan(back[half]!)).toBe(true);
      else if (back[half] !== half) expect.fail(`${half.toString(16)} became ${back[half]!.toString(16)}`);
    }
  });

  it('rounds to the nearest, ties to even, over the whole range', () => {
    const values = halfToFloat(allHalves.subarray(0, 0x7c00)); // ascending, finite, positive
    for (let h = 0; h + 1 < values.length; h += 7) {
      const middle = (values[h]! + values[h + 1]!) / 2; // exact in binary32
      const near = Float32Array.of(middle - middle * 2 ** -23, middle, middle + middle * 2 ** -23);
      expect([...floatToHalf(near)]).toEqual([h, h + (h & 1), h + 1]);
    }
  });

  it('handles the edges', () => {
    const edges = Float32Array.of(
      65504,
      65519.99,
      65520,
      1e30,
      -Infinity,
      2 ** -25,
      2 ** -25 * 1.0001,
      -(2 ** -24),
      -0,
    );
    expect([...floatToHalf(edges)]).toEqual([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 1, 0x8001, 0x8000]);
  });

  it('reads bfloat16 as the upper half of binary32', () => {
    const read = bfloatToFloat(Uint16Array.of(0x3f80, 0xbf80, 0x7f80, 0x4049), new Float32Array(5), 1);
    expect(read).toEqual(Float32Array.of(0, 1, -1, Infinity, 3.140625));
  });
});
