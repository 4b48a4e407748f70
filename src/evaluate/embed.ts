import { plainImage } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig, tokenizeAll } from '../clip/index.js';
import type { Example, ImageTextDataset, Picture, Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import type { Rows } from '../math/index.js';
import { imageEncoder, type Model, textEncoder, textLimit } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';

export interface EmbedOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface EmbeddedImages {
  /** Unit rows. */
  readonly rows: Rows;
  /** The pictures of the rows, in their order: those given but for the skipped ones. */
  readonly examples: readonly Example[];
  /** Pictures that could not be read. */
  readonly skipped: readonly Skipped[];
}

const block = 64;

/**
 * Image features of pictures as they are, not augmented, with the model's prompts; unit length.
 *
 * A picture that cannot be read is left out and listed.
 */
export async function embedImages(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions = {},
): Promise<EmbeddedImages> {
  const pictures = new PictureBlocks(dataset, examples, model.preprocess);
  const encoder = await imageEncoder(model, block, engineOf(options));
  const rows = await inBlocks(encoder, widthOf(model), examples.length, options, async (from, count) => {
    const filled = await pictures.fill(from, count);
    return { features: await encoder.run(pictures.pixels), filled };
  });
  return { rows, examples: pictures.kept, skipped: pictures.skipped };
}

/** Pictures as pixels, a block at a time. */
class PictureBlocks {
  readonly pixels: HostTensor<Float32Array>; // [block, 3, S, S]
  readonly kept: Example[] = [];
  readonly skipped: Skipped[] = [];

  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
    private readonly preprocess: PreprocessConfig,
  ) {
    const { size } = preprocess;
    this.pixels = { shape: [block, 3, size, size], data: new Float32Array(block * 3 * size * size) };
  }

  /** Puts those of pictures `from` to `from + count` that can be read into the first rows, and returns how many they are. */
  async fill(from: number, count: number): Promise<number> {
    const { size } = this.preprocess;
    const chosen = this.examples.slice(from, from + count);
    const pictures = await Promise.all(chosen.map((example) => readPicture(this.dataset, example)));
    let row = 0;
    for (const [i, picture] of pictures.entries()) {
      const example = chosen[i]!;
      if (picture instanceof UserError) {
        this.skipped.push({ id: example.id, reason: picture.message });
        continue;
      }
      const offset = row++ * 3 * size * size;
      normalizePixels(plainImage(picture, size), size, this.preprocess, this.pixels.data, offset);
      this.kept.push(example);
    }
    return row;
  }
}

/** The error of a picture that cannot be read is a result: one bad file does not end the measurement. */
async function readPicture(dataset: ImageTextDataset, example: Example): Promise<Picture | UserError> {
  try {
    return await dataset.load(example);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
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
