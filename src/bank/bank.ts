import type { TowerModel } from '../model/index.js';
import type { Params } from '../nn/index.js';
import type { HostTensor } from '../tensor/index.js';

/** How an image finds the prompts of a task: those of the task that it is nearest to, or a mixture of all. */
export const routings = ['nearest', 'mixture'] as const;
/** How an image's task is found: the nearest one, or a mixture of all. */
export type Routing = (typeof routings)[number];

/** What a task is recognised by, of unit length, made with the frozen student. */
export interface TaskKeys {
  /** Centroids of the task's image features [K, P] (S-Prompts, arXiv 2207.12819). */
  readonly centroids: HostTensor<Float32Array>;
  /** Features of its class names [C, P] (text prototypes). */
  readonly texts: HostTensor<Float32Array>;
  /** Cosines below which an image is none of the task's: to its nearest centroid, and to its nearest class. */
  readonly threshold: { readonly image: number; readonly text: number };
}

/** A quadratic around the parameters that a task ended with: Σ F (θ − θ*)² / 2 is elastic weight consolidation's penalty. */
export interface Anchor {
  /** Diagonal of the Fisher information, by parameter. */
  readonly fisher: Params;
  /** θ*, by parameter. */
  readonly values: Params;
}

/** Images of a task that are trained on again: squares as the student sees them, before normalisation. */
export interface ReplayImages {
  /** [images, side, side, 3] */
  readonly pixels: Uint8Array;
  readonly side: number;
  /** Index of each image's class within its task. */
  readonly labels: readonly number[];
}

/** What the bank keeps of one task. */
export interface BankTask {
  readonly name: string;
  readonly classes: readonly string[];
  /** Name and fingerprint of the data that it was learned from. */
  readonly data: { readonly name: string; readonly fingerprint: string };
  readonly steps: number;
  readonly seconds: number;
  /**
   * `vision.0`, … [n, D] in place of the student's own, and `text.0`, … [n, D] added to what its encoder makes of a text, or
   * inserted where it has none. With mixture `vision.0`, … [M, n, D], `attention` and `key` [M, P]. Empty where tasks have
   * no prompts of their own.
   */
  readonly prompts: Params;
  readonly keys: TaskKeys;
  /** Where anchors are kept a task each. */
  readonly anchor?: Anchor;
  readonly replay?: ReplayImages;
}

/** A prompt memory bank: a frozen student, and what it learned task after task. */
export interface Bank {
  /** The student as it was when the bank began: it makes the queries, and answers where no task is recognised. */
  readonly frozen: TowerModel;
  /** Name of the method by which tasks are learned. */
  readonly method: string;
  readonly routing: Routing;
  /** Texts of a class, `{}` or `[OBJ]` standing for its name. */
  readonly templates: readonly string[];
  /** In the order of learning. */
  readonly tasks: readonly BankTask[];
  /** What tasks share and learn, in place of the frozen student's, by the names of `modelWeights`; empty where nothing is. */
  readonly shared: Params;
  /** The one anchor of online consolidation. */
  readonly anchor?: Anchor;
  /** Strength of the penalty, once it is known. */
  readonly lambda?: number;
}

/** Whether tasks have prompts of their own, so that images are routed. */
export const isRouted = ({ tasks }: Pick<Bank, 'tasks'>): boolean =>
  tasks.some(({ prompts }) => Object.keys(prompts).length > 0);
