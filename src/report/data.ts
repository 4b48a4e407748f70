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
  /** Top-1 among classes kept out of training; `top1` and `top5` are then of the others, the base classes. */
  readonly novel?: Interval;
  /** Harmonic mean of top-1 among base and novel classes. */
  readonly harmonic?: Interval;
}

/** What a model would reach by guessing, as fractions; left out where it is not known. */
export type ChanceLevels = Partial<
  Readonly<Record<'top1' | 'top5' | 'r1ImageToText' | 'r1TextToImage' | 'novel' | 'harmonic', number>>
>;

/** A step of the training and the loss there. */
export type LossPoint = readonly [step: number, loss: number];

/** One loss of one model. Each phase is a line of its own: its losses are minimised together with others, at other rates. */
export interface LossSeries {
  readonly model: string;
  readonly phases: readonly { readonly name: string; readonly points: readonly LossPoint[] }[];
}

/** One loss, with the lines of the models that have it. */
export interface LossCurve {
  readonly component: string;
  /** What the vertical axis measures. @defaultValue loss */
  readonly value?: string;
  /** One sentence under the title. */
  readonly about?: string;
  readonly series: readonly LossSeries[];
}

/** A stretch of the training, shaded and named in the loss curves. */
export interface PhaseSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** A class that a model gave for an image of the report. */
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

export interface ExampleCard {
  /** PNG bytes. */
  readonly png: Uint8Array;
  readonly truth: string;
  readonly artist?: string;
  readonly answers: readonly { readonly model: string; readonly top: readonly Answer[] }[];
  readonly attention?: readonly AttentionMap[];
}

/** Top-1 of each model on one artist's images. */
export interface ArtistAccuracy {
  readonly artist: string;
  readonly images: number;
  /** No model saw any image by this artist. */
  readonly unseen?: boolean;
  /** Top-1 by model name. */
  readonly accuracy: Readonly<Record<string, Interval>>;
}

/** All that a report page shows, as plain data. */
export interface ReportData {
  readonly title: string;
  /** One or two sentences: what was distilled from what, on which images. */
  readonly summary: string;
  /** Small print facts at the top: data, machine, seed, date. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly models: readonly ModelSummary[];
  /** Of the accuracies that `models` hold. */
  readonly chance?: ChanceLevels;
  readonly curves: readonly LossCurve[];
  /** Name of the curves' horizontal axis, as `training step`. */
  readonly curveUnit: string;
  /** The stretches of the training that are shaded in the curves, and whose they are. */
  readonly phases: { readonly model: string; readonly spans: readonly PhaseSpan[] };
  readonly examples: readonly ExampleCard[];
  readonly artists: readonly ArtistAccuracy[];
  /** The recipe as run, YAML. */
  readonly recipe: string;
}
