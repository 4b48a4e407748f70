import type { Interval } from '../math/index.js';

/** Top-1 among classes that were trained on, among those kept out of all training, and their harmonic mean. */
export interface BaseNovel {
  /** Images of base classes, told apart from base classes only. */
  readonly base: Interval;
  /** Images of novel classes, told apart from novel classes only. */
  readonly novel: Interval;
  /** 2bn / (b + n), as CoCoOp's H (Zhou et al. 2022). */
  readonly harmonic: number;
}

/** Base and novel accuracy with their harmonic mean, 2bn / (b + n). */
export function baseNovel(base: Interval, novel: Interval): BaseNovel {
  return { base, novel, harmonic: harmonicMean(base.value, novel.value) };
}

/** 2ab / (a + b), and 0 of two zeros. */
export const harmonicMean = (a: number, b: number): number => (a + b === 0 ? 0 : (2 * a * b) / (a + b));

/**
 * 95 % interval of the harmonic mean of two independent shares: each bound is as far from it as the shares' own bounds
 * carry it together, √(Σ (∂H/∂s · (s − bound))²) (Zou and Donner 2008, who recover variances from intervals this way).
 */
export function harmonicInterval(base: Interval, novel: Interval): Interval {
  const { harmonic: value } = baseNovel(base, novel);
  const total = base.value + novel.value;
  if (total === 0) return { value, low: 0, high: baseNovel(upper(base), upper(novel)).harmonic };
  const [byBase, byNovel] = [2 * (novel.value / total) ** 2, 2 * (base.value / total) ** 2];
  const reach = (bound: 'low' | 'high') =>
    Math.hypot(byBase * (base.value - base[bound]), byNovel * (novel.value - novel[bound]));
  return { value, low: Math.max(0, value - reach('low')), high: Math.min(1, value + reach('high')) };
}

const upper = ({ low, high }: Interval): Interval => ({ value: high, low, high });
