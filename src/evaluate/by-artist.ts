import type { Interval } from '../math/index.js';
import { type Prediction, top1 } from './zero-shot.js';

/** Top-1 on the images of one artist. */
export interface ArtistTop1 {
  readonly artist: string;
  readonly images: number;
  /** No drawing of this artist is in the data set's training split. */
  readonly unseen: boolean;
  readonly top1: Interval;
}

/** Top-1 by artist, those seen in training first, then in order of name. Images of unknown artists are left out. */
export function byArtist(predictions: readonly Prediction[], trained: ReadonlySet<string>): ArtistTop1[] {
  const drawn = new Map<string, Prediction[]>();
  for (const prediction of predictions) {
    const { artist } = prediction;
    if (artist !== undefined) drawn.set(artist, [...(drawn.get(artist) ?? []), prediction]);
  }
  return [...drawn]
    .map(([artist, own]) => ({ artist, images: own.length, unseen: !trained.has(artist), top1: top1(own) }))
    .sort((a, b) => Number(a.unseen) - Number(b.unseen) || a.artist.localeCompare(b.artist, 'en'));
}
