import { describe, expect, it } from 'vitest';
import { benchModes } from './bench-modes.js';
import { benchStep, stepFlops } from './bench-step.js';

const small = { batch: 2, layers: 2, tokens: 5, width: 16, heads: 4, runs: 3, warmUp: 1 };

describe('bench step', () => {
  it.each(benchModes)('times %s', async (mode) => {
    const result = await benchStep({ ...small, mode });
    expect(result.mode).toBe(mode);
    expect(result.ms).toBeGreaterThan(0);
    expect(result.gflops).toBeCloseTo(stepFlops({ ...small, mode }) / result.ms / 1e6, 6);
    expect(result.images_per_second).toBeCloseTo(2000 / result.ms, 6);
  });

  it('counts as PyTorch’s script does', () => {
    const vit = { mode: 'full', batch: 8, layers: 4, tokens: 201, width: 768, heads: 12 } as const;
    expect(stepFlops(vit)).toBe(3 * (2 * 8 * 201 * 4 * 12 * 768 ** 2 + 4 * 8 * 4 * 201 ** 2 * 768));
  });
});
