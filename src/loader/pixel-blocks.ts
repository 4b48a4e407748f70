import type { PreprocessConfig } from '../clip/index.js';
import { type Example, type ImageTextDataset, type RawImage, readImage, type Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import type { HostTensor } from '../tensor/index.js';
import { modelPixels } from './pixels.js';

/** Images decoded at the same time: sharp has four threads, and a photo takes 36 MB until it is resized. */
export const atOnce = 4;

/**
 * An image of a data set with all its pixels. `dataset.load` gives a copy of at most 512 pixels a side, for augmentation.
 *
 * @throws UserError where it cannot be read
 */
export async function wholeImage(dataset: ImageTextDataset, example: Example): Promise<RawImage> {
  if (!dataset.source) return dataset.load(example); // made, not read: it has no more pixels
  return readImage(dataset.source(example), example.id, { longest: Number.POSITIVE_INFINITY });
}

/** Images of a data set as a model takes them (see `preprocessImage`), not augmented, a block at a time. */
export class PixelBlocks<E extends Example = Example> {
  /** Overwritten by the next block. */
  readonly pixels: HostTensor<Float32Array>; // [block, 3, S, S]
  /** The images read so far, in their order. */
  readonly kept: E[] = [];
  /** Those that cannot be read: one bad file does not end the work. */
  readonly skipped: Skipped[] = [];

  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly E[],
    private readonly preprocess: PreprocessConfig,
    block: number,
  ) {
    const { size } = preprocess;
    this.pixels = { shape: [block, 3, size, size], data: new Float32Array(block * 3 * size * size) };
  }

  /** Puts those of images `from` to `from + count` that can be read into the first rows. @returns how many they are */
  async fill(from: number, count: number): Promise<number> {
    const chosen = this.examples.slice(from, from + count);
    const made = new Array<Float32Array | UserError>(chosen.length);
    const rest = chosen.entries();
    const lane = async () => {
      for (const [i, example] of rest) made[i] = await this.pixelsOf(example);
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    let row = 0;
    for (const [i, pixels] of made.entries()) {
      const example = chosen[i]!;
      if (pixels instanceof UserError) {
        this.skipped.push({ id: example.id, reason: pixels.message });
        continue;
      }
      this.pixels.data.set(pixels, row++ * pixels.length);
      this.kept.push(example);
    }
    return row;
  }

  private async pixelsOf(example: E): Promise<Float32Array | UserError> {
    try {
      return modelPixels(await wholeImage(this.dataset, example), this.preprocess, example.id);
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
  }
}

/** Images of a data set as a model takes them, all at once. */
export interface DatasetPixels<E extends Example> {
  readonly pixels: HostTensor<Float32Array>; // [N, 3, S, S]
  /** The images of the rows: those given but for the skipped ones. */
  readonly examples: readonly E[];
  readonly skipped: readonly Skipped[];
}

/** {@link PixelBlocks} in one block. */
export async function datasetPixels<E extends Example>(
  dataset: ImageTextDataset,
  examples: readonly E[],
  preprocess: PreprocessConfig,
): Promise<DatasetPixels<E>> {
  const blocks = new PixelBlocks(dataset, examples, preprocess, examples.length);
  const rows = await blocks.fill(0, examples.length);
  const { shape, data } = blocks.pixels;
  const pixels = { shape: [rows, ...shape.slice(1)], data: data.subarray(0, (rows * data.length) / examples.length) };
  return { pixels, examples: blocks.kept, skipped: blocks.skipped };
}
