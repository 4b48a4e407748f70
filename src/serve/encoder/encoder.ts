import type { RawImage } from '../../data/index.js';
import type { Rows } from '../../math/index.js';
import type { ClassVectors } from '../../model/index.js';
import type { Prepared } from '../prepared.js';

/** An image file's bytes, or an image that is decoded already. */
export type ImageInput = Uint8Array | RawImage;

/** What a model is, as far as its callers must know. */
export interface EncoderInfo {
  /** Numbers of an embedding. */
  readonly width: number;
  /** Side of the square that images become. */
  readonly imageSize: number;
  /** Tokens of a text that are read, its start and end token included. */
  readonly textTokens: number;
  /** exp(logit_scale), the factor on cosines. */
  readonly logitFactor: number;
  /** What is added to them, of a SigLIP: its answers are decisions for each class by itself. */
  readonly logitBias?: number;
  /** Class templates that it was trained with, where that is known. */
  readonly templates?: readonly string[];
  /** The classes that it was exported with. */
  readonly classifier?: ClassVectors;
}

/** Embeddings of images; one that cannot be read has a fault in its place. */
export interface EncodedImages {
  /** Unit rows, one an image; of zeros where it cannot be read. */
  readonly rows: Rows;
  /** For each image why it cannot be read, or undefined. */
  readonly faults: readonly (string | undefined)[];
}

/** A model's two encoders, wherever they run. */
export interface Encoder {
  readonly info: EncoderInfo;
  /**
   * @param prepared what encoders before it made of the same images; used where both run in this thread
   * @param abandoned for each image what says that nobody waits for it any more
   */
  images(
    images: readonly ImageInput[],
    prepared?: Prepared,
    abandoned?: readonly (AbortSignal | undefined)[],
  ): Promise<EncodedImages>;
  /** Unit rows, one a text. */
  texts(texts: readonly string[]): Promise<Rows>;
  /** Ends after the work that is under way. */
  close(): Promise<void>;
}

/** How an encoder is opened. */
export interface EncoderOptions {
  /** Threads of one op. */
  readonly threads?: number;
  /** Most pixels of an image. @defaultValue 100 million */
  readonly maxPixels?: number;
}
