import type { Interval } from '../math/index.js';

/** Top-1 among classes that were trained on, among those kept out of all training, and their harmonic mean. */
export interface BaseNovel {
  /** Pictures of base classes, told apart from base classes only. */
  readonly base: Interval;
  /** Pictures of novel classes, told apart from novel classes only. */
  readonly novel: Interval;
  /** 2bn / (b + n), as CoCoOp's H (Zhou et al. 2022). */
  readonly harmonic: number;
}

export function baseNovel(base: Interval, novel: Interval): BaseNovel {
  const total = base.value + novel.value;
  return { base, novel, harmonic: total === 0 ? 0 : (2 * base.value * novel.value) / total };
}
