import type { Interval } from '../math/index.js';

export type { Interval };

/** One column of the comparison. Accuracies are fractions, not per cent. */
export interface ModelSummary {
  /** Shown name; curves, examples and artists refer to it. */
  readonly name: string;
  /** The teacher is what the others are compared with; `student` is the one the headline speaks of. */
  readonly role: 'teacher' | 'baseline' | 'student';
  readonly top1: Interval;
  readonly top5: Interval;
  readonly r1ImageToText: Interval;
  readonly r1TextToImage: Interval;
  readonly params: number;
  readonly bytes: number;
  /** Median time for one image. */
  readonly latencyMs: number;
  readonly imagesSeen?: number;
  readonly trainSeconds?: number;
  /** Top-1 among concepts that were trained on, among those kept out of all training, and their harmonic mean. */
  readonly base?: number;
  readonly novel?: number;
  readonly harmonic?: number;
}

/** One loss component, with one line a model that has it. */
export interface LossCurve {
  readonly component: string;
  /** One sentence under the title. */
  readonly about?: string;
  readonly series: readonly { readonly model: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** A stretch of the training, shaded in the loss curves. */
export interface PhaseSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface Answer {
  readonly label: string;
  readonly probability: number;
}

/** A map over the image, row by row; any scale, it is stretched to the brightest cell. */
export interface AttentionMap {
  readonly model: string;
  readonly grid: readonly [rows: number, columns: number];
  readonly weights: ArrayLike<number>;
}

export interface DrawingExample {
  /** PNG bytes. */
  readonly png: Uint8Array;
  readonly truth: string;
  readonly artist?: string;
  readonly answers: readonly { readonly model: string; readonly top: readonly Answer[] }[];
  readonly attention?: readonly AttentionMap[];
}

export interface ArtistAccuracy {
  readonly artist: string;
  readonly drawings: number;
  /** No model saw any drawing of this artist. */
  readonly unseen?: boolean;
  /** Top-1 by model name. */
  readonly accuracy: Readonly<Record<string, Interval>>;
}

/** All that a report page shows, as plain data. */
export interface ReportData {
  readonly title: string;
  /** One or two sentences: what was distilled from what, on which drawings. */
  readonly summary: string;
  /** Small print facts at the top: data, machine, seed, date. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly models: readonly ModelSummary[];
  readonly curves: readonly LossCurve[];
  /** What the curves' horizontal axis counts. */
  readonly curveUnit: string;
  readonly phases: readonly PhaseSpan[];
  readonly examples: readonly DrawingExample[];
  readonly artists: readonly ArtistAccuracy[];
  /** The recipe as run, YAML. */
  readonly recipe: string;
}
