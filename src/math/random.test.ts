import { describe, expect, it } from 'vitest';
import { Random } from './random.js';

describe('Random.weighted', () => {
  it('draws items in proportion to their weights', () => {
    const random = new Random('weighted');
    const counts = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 4000; i++) counts[random.weighted(['a', 'b', 'c'] as const, [1, 0, 3])]++;
    expect(counts.b).toBe(0);
    // 1000 expected; 4 standard deviations of √(4000 · ¼ · ¾).
    expect(Math.abs(counts.a - 1000)).toBeLessThan(110);
  });
});
