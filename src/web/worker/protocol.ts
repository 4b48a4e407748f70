import type { ModelFile } from '../model-file.js';

/** Where the model shall run; `auto` is WASM, or WebGPU where that was measured to be faster. */
export type Device = 'auto' | 'wasm' | 'webgpu';

/** Where it runs. */
export interface Backend {
  readonly device: 'wasm' | 'webgpu';
  /** Of WASM. */
  readonly threads: number;
  /** Median of one image's run when it was loaded, in ms. */
  readonly warm: number;
  /** Why it is not where it was asked for. */
  readonly note?: string;
}

/** An image's embedding and how it came about. */
export interface ImageResult {
  /** [width], not normalised */
  readonly embedding: Float32Array;
  /** [size, size, 3], what the model saw before its normalisation */
  readonly seen: Uint8Array;
  readonly size: number;
  /** Of decoding, of resizing and normalising, of the encoder alone. */
  readonly ms: { readonly decode: number; readonly prepare: number; readonly run: number };
}

/** The answer to a question. */
export interface AskResult {
  /** One an answer of the model file. */
  readonly logits: Float32Array;
  /** Of the question alone, and of what was made of the image for it: 0 where that was there already. */
  readonly ms: { readonly head: number; readonly image: number };
}

export interface Loaded {
  readonly model: ModelFile;
  readonly backend: Backend;
}

/** What the worker can be asked, and what it answers. */
export interface Calls {
  load(base: string, device: Device): Loaded;
  image(image: Blob | ImageBitmap): ImageResult;
  /** [texts, width], not normalised */
  texts(texts: readonly string[]): Float32Array;
  /** About the last image. */
  ask(question: string): AskResult;
}

export type Request = {
  [Name in keyof Calls]: { readonly id: number; readonly name: Name; readonly args: Parameters<Calls[Name]> };
}[keyof Calls];

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  /** Bytes of model and runtime fetched, and of how many. */
  | { readonly progress: { readonly done: number; readonly total: number } };
