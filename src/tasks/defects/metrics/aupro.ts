import { descending } from './descending.js';
import { regionsOf } from './regions.js';

/** A map of scores and the truth of its places. */
export interface ScoredMask {
  readonly width: number;
  /** [height, width] */
  readonly scores: Float32Array;
  /** [height, width], 1 where it is defective */
  readonly mask: Uint8Array;
}

/**
 * The area under the per-region overlap (Bergmann et al. 2021, section 6.1), as anomalib reckons it: all pixels of all
 * images by falling score,
 *
 *     PRO = mean over regions of the share of the region that is found,  FPR = share of sound pixels that are alarmed
 *
 * at each different score, integrated by trapezoids to FPR = `limit`, between two scores linearly, and divided by it.
 * Regions are those of 8-neighbourhood.
 *
 * @returns from 0 to 1; undefined where there is no region, or nothing sound
 * @example
 * const scores = Float32Array.of(0.9, 0.2, 0.4, 0.1);
 * console.log(aupro([{ width: 2, scores, mask: Uint8Array.of(1, 0, 0, 0) }])); // 1
 */
export function aupro(maps: readonly ScoredMask[], limit = 0.3): number | undefined {
  const pixels = maps.reduce((sum, { scores }) => sum + scores.length, 0);
  const scores = new Float32Array(pixels);
  /** What a pixel adds to Σ PRO; 0 of a sound one. */
  const gains = new Float32Array(pixels);
  let [regions, sound, from] = [0, 0, 0];
  for (const map of maps) {
    const { labels, sizes } = regionsOf(map.mask, map.width);
    scores.set(map.scores, from);
    for (const [i, label] of labels.entries()) if (label > 0) gains[from + i] = 1 / sizes[label]!;
    regions += sizes.length - 1;
    sound += sizes[0]!;
    from += map.scores.length;
  }
  if (regions === 0 || sound === 0) return undefined;
  const order = descending(scores);
  let [found, alarmed, area] = [0, 0, 0];
  let last = { pro: 0, fpr: 0 };
  for (const [place, i] of order.entries()) {
    if (gains[i]! > 0) found += gains[i]!;
    else alarmed++;
    if (place + 1 < pixels && scores[order[place + 1]!] === scores[i]) continue;
    const next = { pro: found / regions, fpr: alarmed / sound };
    if (next.fpr >= limit) {
      const share = next.fpr === last.fpr ? 0 : (limit - last.fpr) / (next.fpr - last.fpr);
      const pro = last.pro + share * (next.pro - last.pro);
      return (area + ((limit - last.fpr) * (last.pro + pro)) / 2) / limit;
    }
    area += ((next.fpr - last.fpr) * (last.pro + next.pro)) / 2;
    last = next;
  }
  return area / limit; // not reached: the last score has FPR 1
}
