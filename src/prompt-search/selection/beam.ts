import {
  byQuality,
  ensembleQuality,
  isBetter,
  joinedBy,
  type Labelled,
  mixtureCosines,
  mixtureOf,
  type Quality,
  qualityOf,
  uniform,
} from './scores.js';

export interface Found {
  readonly members: readonly number[];
  readonly quality: Quality;
}

export interface BeamOptions {
  /** Most templates of a set. */
  readonly size: number;
  /** Sets kept at each size; 1 is greedy forward selection. */
  readonly width: number;
  readonly signal?: AbortSignal;
}

/**
 * Forward selection with a beam: sets grow by one template at a time, and at each size the `width` best ones go on.
 *
 * @returns the best set of each size, from 1 to `size` or to all templates
 */
export async function beamSearch(
  { scores, labels, scale }: Labelled,
  { size, width, signal }: BeamOptions,
): Promise<Found[]> {
  const templates = scores.cosines.length;
  const path: Found[] = [];
  let beam: Found[] = [{ members: [], quality: { top1: 0, logLikelihood: -Infinity } }];
  for (let grown = 1; grown <= Math.min(size, templates); grown++) {
    const next = new Map<string, Found>();
    for (const { members } of beam) {
      const mixture = mixtureOf(scores, { members, weights: members.map(() => 1) });
      for (let t = 0; t < templates; t++) {
        if (members.includes(t)) continue;
        const larger = [...members, t];
        const key = [...larger].sort((a, b) => a - b).join();
        if (next.has(key)) continue;
        const cosines = mixtureCosines(joinedBy(scores, mixture, members, t));
        next.set(key, { members: larger, quality: qualityOf(cosines, labels, scores.classes, scale) });
      }
      // A set takes a while: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    beam = [...next.values()].sort((a, b) => byQuality(a.quality, b.quality)).slice(0, width);
    path.push(beam[0]!);
  }
  return path;
}

/** The set that is best on images it was not chosen by; of equal ones the smaller. */
export function chooseHeldOut(sets: readonly Found[], heldOut: Labelled): Found {
  const judged = sets
    .map(({ members }) => ({ members, quality: ensembleQuality(heldOut, uniform(members)) }))
    .sort((a, b) => a.members.length - b.members.length);
  return judged.reduce((best, one) => (isBetter(one.quality, best.quality) ? one : best));
}
