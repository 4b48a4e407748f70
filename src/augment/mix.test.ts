import { describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { drawMix, type Mix, mixInto } from './index.js';

const size = 10;
const draws = (options: Parameters<typeof drawMix>[0], count = 4000) =>
  Array.from({ length: count }, (_, i) => drawMix(options, size, new Random('mix', i))).filter(
    (mix) => mix !== undefined,
  );
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

describe('drawMix', () => {
  it.each([0.2, 1, 4])('mixup: λ ~ Beta(%s, %s)', (alpha) => {
    const shares = draws({ mixup: alpha, cutmix: 0, probability: 1 }).map(({ share }) => share);
    expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
    expect(mean(shares)).toBeCloseTo(0.5, 1);
    // Var = 1 / (4 (2α + 1)); the fourth root of 4,000 draws is off by less than a twentieth.
    const variance = mean(shares.map((share) => (share - 0.5) ** 2));
    expect(variance * 4 * (2 * alpha + 1)).toBeGreaterThan(0.92);
    expect(variance * 4 * (2 * alpha + 1)).toBeLessThan(1.08);
  });

  it('CutMix: λ is what the rectangle leaves, and the rectangle lies inside', () => {
    const made = draws({ mixup: 0, cutmix: 1, probability: 1 });
    for (const { share, box } of made) {
      const { left, top, right, bottom } = box!;
      expect(left >= 0 && top >= 0 && left <= right && top <= bottom && right <= size && bottom <= size).toBe(true);
      expect(share).toBeCloseTo(1 - ((right - left) * (bottom - top)) / size ** 2, 12);
    }
    // Beta(1, 1) is uniform: the rectangle's middle is uniform over the image, so part of it is cut at the edges.
    expect(mean(made.map(({ share }) => share))).toBeGreaterThan(0.5);
  });

  it('mixes as often as asked, and tosses a coin between both', () => {
    const made = draws({ mixup: 0.2, cutmix: 1, probability: 0.4 });
    expect(made.length / 4000).toBeCloseTo(0.4, 1);
    expect(made.filter(({ box }) => box).length / made.length).toBeCloseTo(0.5, 1);
  });
});

describe('mixInto', () => {
  const filled = (value: number) => new Uint8Array(size * size * 3).fill(value);
  const mixed = (mix: Mix) => {
    const rgb = filled(200);
    mixInto(rgb, filled(100), size, mix);
    return rgb;
  };

  it('mixup: λ of the first, 1 − λ of the second', () => {
    expect(new Set(mixed({ share: 0.75 }))).toEqual(new Set([175]));
    expect(new Set(mixed({ share: 1 }))).toEqual(new Set([200]));
  });

  it('CutMix: the rectangle is the second’s', () => {
    const rgb = mixed({ share: 0.88, box: { left: 2, top: 3, right: 6, bottom: 6 } });
    const second = Array.from({ length: size * size }, (_, i) => i).filter((i) => rgb[i * 3] === 100);
    expect(second).toEqual([3, 4, 5].flatMap((y) => [2, 3, 4, 5].map((x) => y * size + x)));
    expect(mean([...rgb])).toBeCloseTo(0.88 * 200 + 0.12 * 100, 6);
  });
});
