import type { Model } from '../model/index.js';
import type { Encoder, EncoderOptions } from '../serve/index.js';

/**
 * A model: a folder, a run, a shipped model (`promptkd:emoji-student`) or a hub id by name; a model of `loadModel`; or an
 * encoder of `LocalEncoder.open` or `WorkerEncoder.open`. A name is read anew in each call, the others once.
 */
export type AnyModel = string | Model | Encoder;

/** How a model is run: threads, and the largest image. */
export type EncodeOptions = Pick<EncoderOptions, 'threads' | 'maxPixels'>;

export interface OpenedEncoder {
  readonly encoder: Encoder;
  /** To be called once it is not asked any more. */
  release(): Promise<void>;
}

const opened = new WeakMap<Model, Promise<Encoder>>();
const stays = async () => {};

/** Opens a model for inference. Encoders of a model that was loaded by the caller stay, for the next call. */
export async function openEncoder(source: AnyModel, options: EncodeOptions = {}): Promise<OpenedEncoder> {
  if (typeof source !== 'string' && 'info' in source) return { encoder: source, release: stays };
  // Loaded here, with all that serves: whoever trains does without.
  const { LocalEncoder } = await import('../serve/index.js');
  if (typeof source === 'string') {
    const encoder = await LocalEncoder.open(source, options);
    return { encoder, release: () => encoder.close() };
  }
  const encoder = opened.get(source) ?? LocalEncoder.of(source, options);
  opened.set(source, encoder);
  return { encoder: await encoder, release: stays };
}
