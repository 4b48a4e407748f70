import type { Interval } from '../math/index.js';
import { wilson } from '../math/index.js';
import { classTallies, type Prediction } from './zero-shot.js';

/** How a model does on one class. */
export interface ClassFigures {
  /** Index of the class. */
  readonly label: number;
  readonly images: number;
  /** Share of its images that are recognised (recall). */
  readonly top1: Interval;
  /** Share of the images taken for it that are of it; left out where none is. */
  readonly precision?: number;
}

/** Images of one class that are taken for another. */
export interface Confusion {
  readonly label: number;
  readonly takenFor: number;
  readonly images: number;
}

/** Figures of every class that occurs, the worst first; of equal ones the one with more images, then by index. */
export function classFigures(predictions: readonly Prediction[]): ClassFigures[] {
  return [...classTallies(predictions)]
    .filter(([, { occurs }]) => occurs > 0)
    .map(([label, { occurs, predicted, right }]) => ({
      ...{ label, images: occurs, top1: wilson(right, occurs) },
      ...(predicted > 0 && { precision: right / predicted }),
    }))
    .sort((a, b) => a.top1.value - b.top1.value || b.images - a.images || a.label - b.label);
}

/** Which class is taken for which other, the most frequent first; of equal ones by their indices. */
export function confusions(predictions: readonly Prediction[]): Confusion[] {
  const counts = new Map<string, { label: number; takenFor: number; images: number }>();
  for (const { label, top } of predictions) {
    const takenFor = top[0]!.label;
    if (takenFor === label) continue;
    const key = `${label} ${takenFor}`;
    const known = counts.get(key) ?? { label, takenFor, images: 0 };
    known.images++;
    counts.set(key, known);
  }
  return [...counts.values()].sort((a, b) => b.images - a.images || a.label - b.label || a.takenFor - b.takenFor);
}
