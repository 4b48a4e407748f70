import type { TowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { TaskDtype } from '../stored-weights.js';
import type { Threshold } from './threshold.js';

/** By what an image is judged. */
export const modes = ['few-shot', 'zero-shot', 'tuned'] as const;
/** By what an image is judged: few sound images, texts alone, or tuned texts. */
export type Mode = (typeof modes)[number];

/** How images are looked at, whatever the mode. */
export interface View {
  /** Side in pixels that an image is resized to, whatever its shape. */
  readonly side: number;
  /** Share of a tile that it has in common with the next one. */
  readonly overlap: number;
  /** Layers of patch tokens, from 1. */
  readonly layers: readonly number[];
}

/** What a mode has learned. */
export type Learned =
  | { readonly mode: 'few-shot' /** Descriptors of sound patches [M, D] */; readonly memory: HostTensor<Float32Array> }
  | {
      readonly mode: 'zero-shot' /** Unit features of sound and damaged [2, E] */;
      readonly texts: HostTensor<Float32Array>;
    }
  | {
      readonly mode: 'tuned';
      readonly texts: HostTensor<Float32Array>;
      /** A linear map a layer in place of the model's own projection: `layer.L.weight` [E, D], `layer.L.bias` [E]. */
      readonly adapters?: Params;
    };

/** Where the line is drawn between sound and defective, for images and for their places. */
export interface Limits {
  readonly image: Threshold;
  readonly pixel: Threshold;
}

/** A model that inspects images of one product. */
export interface Detector {
  /** Frozen. */
  readonly model: TowerModel;
  /** How an exported file stores matrices. It is the stored values that are computed with, here as there. */
  readonly dtype: TaskDtype;
  readonly product: string;
  readonly view: View;
  readonly learned: Learned;
  /** Of the images that it was fitted on, where they are all alike; images of other sizes are refused then. */
  readonly size?: readonly [height: number, width: number];
  readonly limits: Limits;
}

/** Softmax temperature of cosines with both texts (WinCLIP's). */
export const temperature = 0.07;
