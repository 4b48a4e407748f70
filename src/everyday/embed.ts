import { z } from 'zod';
import { UserError } from '../errors.js';
import type { Rows } from '../math/index.js';
import { checkFields } from '../schema-issue.js';
import * as fields from './call-fields.js';
import { imageRows } from './classify.js';
import type { GivenImage } from './given-image.js';
import { type AnyModel, type EncodeOptions, openEncoder } from './open-encoder.js';

/** What is embedded; one of the two at least. */
export interface EmbedInputs {
  readonly images?: readonly GivenImage[];
  readonly texts?: readonly string[];
}

const callFields = z.object({
  model: fields.model,
  images: fields.images.optional(),
  texts: fields.texts.optional(),
  ...fields.encodeFields,
} satisfies Record<keyof EmbedInputs | keyof EncodeOptions | 'model', z.ZodType>);

/** Vectors of unit length, whose products are cosines. */
export interface Embeddings {
  readonly images: readonly Float32Array[];
  readonly texts: readonly Float32Array[];
}

/** Images, or texts, that are computed together. */
const block = 32;

/**
 * Embeddings of images and texts in the model's joint space: one vector each, in their order, of unit length.
 *
 * @throws UserError for a model or an image that cannot be read, neither images nor texts, or an option that is not there
 * @example
 * const { images, texts } = await embed('promptkd:emoji-student', { images: ['cat.png'], texts: ['a drawing of a cat'] });
 */
export async function embed(model: AnyModel, inputs: EmbedInputs, options: EncodeOptions = {}): Promise<Embeddings> {
  checkFields('embed', callFields, { ...options, ...inputs, model });
  const { images = [], texts = [] } = inputs;
  if (images.length + texts.length === 0) throw new UserError('embed: expected images or texts, got neither');
  const { encoder, release } = await openEncoder(model, options);
  try {
    return {
      images: await inBlocks(images, (some, from) => imageRows(encoder, some, from)),
      texts: await inBlocks(texts, (some) => encoder.texts(some)),
    };
  } finally {
    await release();
  }
}

async function inBlocks<T>(
  items: readonly T[],
  rowsOf: (some: readonly T[], from: number) => Promise<Rows>,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let from = 0; from < items.length; from += block) {
    const { data, count, width } = await rowsOf(items.slice(from, from + block), from);
    for (let i = 0; i < count; i++) vectors.push(data.slice(i * width, (i + 1) * width));
  }
  return vectors;
}
