import { tokenizeAll } from '../clip/index.js';
import type { Example, ImageTextDataset, Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import { PixelBlocks } from '../loader/index.js';
import type { Rows } from '../math/index.js';
import { imageEncoder, type Model, textEncoder, textLimit } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';

/** Options of {@link embedImages} and {@link embedTexts}. */
export interface EmbedOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Embeddings of images, and which images they are. */
export interface EmbeddedImages {
  /** Unit rows. */
  readonly rows: Rows;
  /** The images of the rows, in their order: those given but for the skipped ones. */
  readonly examples: readonly Example[];
  /** Images that could not be read. */
  readonly skipped: readonly Skipped[];
}

/** Images, or texts, at a time. */
export const block = 64;

/**
 * Image features of images as they are, not augmented, with the model's prompts; unit length.
 *
 * An image that cannot be read is left out and listed.
 *
 * @throws UserError where features are not finite numbers; the signal's reason where it is aborted
 */
export async function embedImages(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions = {},
): Promise<EmbeddedImages> {
  const images = new PixelBlocks(dataset, examples, model.preprocess, block);
  const rows = await embedPixels(model, images, examples.length, options);
  return { rows, examples: images.kept, skipped: images.skipped };
}

/** Images a block. */
export interface PixelSource {
  /** [64, 3, S, S] */
  readonly pixels: HostTensor<Float32Array>;
  /** Puts images `from` to `from + count` into the first rows. @returns how many rows that are */
  fill(from: number, count: number): number | Promise<number>;
}

/** Image features of pixels as a model takes them, a block of {@link block} at a time; unit length. */
export async function embedPixels(
  model: Model,
  source: PixelSource,
  total: number,
  options: EmbedOptions = {},
): Promise<Rows> {
  const encoder = await imageEncoder(model, block, engineOf(options));
  return inBlocks(encoder, widthOf(model), total, options, async (from, count) => {
    const filled = await source.fill(from, count);
    return { features: await encoder.run(source.pixels), filled };
  });
}

/**
 * Text features, each text with the prompts that a prompted model makes of it; unit length.
 *
 * @throws UserError for a visual student, which has no text tower in its teacher's joint space
 */
export async function embedTexts(model: Model, texts: readonly string[], options: EmbedOptions = {}): Promise<Rows> {
  const { ids, ends, length } = tokenizeAll(model.tokenizer, texts, textLimit(model));
  const encoder = await textEncoder(model, block, length, engineOf(options));
  return inBlocks(encoder, widthOf(model), texts.length, options, async (from, count) => {
    const some = { ids: ids.subarray(from * length, (from + count) * length), ends: ends.subarray(from, from + count) };
    return { features: await encoder.run({ ...some, length }), filled: count };
  });
}

const engineOf = ({ device, threads }: EmbedOptions) => ({ device, threads });

/** Numbers of a feature: a visual student's are its teacher's. */
const widthOf = ({ config, classes, ...model }: Model) =>
  !model.encoders && model.projector ? classes!.features.shape[1]! : config.projection_dim;

/**
 * Features of `total` things, a block at a time.
 *
 * @param encoder is disposed of
 * @param embed features of things `from` to `from + count`, [block, width], of which the first `filled` rows are read
 */
async function inBlocks(
  encoder: { dispose(): Promise<void> },
  width: number,
  total: number,
  { signal, onProgress }: EmbedOptions,
  embed: (from: number, count: number) => Promise<{ features: HostTensor; filled: number }>,
): Promise<Rows> {
  const data = new Float32Array(total * width);
  let rows = 0;
  try {
    for (let from = 0; from < total; from += block) {
      signal?.throwIfAborted();
      const count = Math.min(block, total - from);
      const { features, filled } = await embed(from, count);
      data.set((features.data as Float32Array).subarray(0, filled * width), rows * width);
      rows += filled;
      onProgress?.(from + count, total);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await encoder.dispose();
  }
  const found = data.subarray(0, rows * width);
  if (!found.every(Number.isFinite)) {
    throw new UserError('the model gives features that are not finite numbers: its weights are broken; train it again');
  }
  return { data: found, count: rows, width };
}
