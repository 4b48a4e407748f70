/** A score, and whether the thing is there. */
export interface Ranked {
  readonly score: number;
  readonly isThere: boolean;
}

/**
 * The area under the ROC curve: how often a study with the finding scores above one without, equal scores counting one half (Mann
 * and Whitney's U). Undefined where all have it or none has.
 */
export function auroc(studies: readonly Ranked[]): number | undefined {
  const there = studies.filter(({ isThere }) => isThere).length;
  const rest = studies.length - there;
  if (there === 0 || rest === 0) return undefined;
  const sorted = [...studies].sort((a, b) => a.score - b.score);
  let ranks = 0;
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to < sorted.length && sorted[to]!.score === sorted[from]!.score) to++;
    const mean = (from + 1 + to) / 2; // ranks from 1, equal ones share their mean
    for (let i = from; i < to; i++) if (sorted[i]!.isThere) ranks += mean;
    from = to;
  }
  return (ranks - (there * (there + 1)) / 2) / (there * rest);
}
