import { normalizePixels, type PreprocessConfig } from '../clip/index.js';
import type { Example, ImageTextDataset, Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import type { HostTensor } from '../tensor/index.js';
import { atOnce, wholeImage } from './pixel-blocks.js';
import { squareRgb } from './pixels.js';

/**
 * Images that a model sees again and again, not augmented: read once, kept as bytes (a quarter of their numbers), and given
 * a block at a time.
 */
export class KeptPixels<E extends Example = Example> {
  /** Overwritten by the next block. */
  readonly pixels: HostTensor<Float32Array>; // [block, 3, S, S]
  /** Those that could be read, in their order. */
  readonly examples: E[] = [];
  readonly skipped: Skipped[] = [];
  private readonly squares: Uint8Array[] = []; // [S, S, 3] each

  private constructor(
    private readonly preprocess: PreprocessConfig,
    block: number,
  ) {
    const { size } = preprocess;
    this.pixels = { shape: [block, 3, size, size], data: new Float32Array(block * 3 * size * size) };
  }

  /** Reads images; one that cannot be read is left out and listed. */
  static async read<E extends Example>(
    dataset: ImageTextDataset,
    examples: readonly E[],
    preprocess: PreprocessConfig,
    block: number,
  ): Promise<KeptPixels<E>> {
    const kept = new KeptPixels<E>(preprocess, block);
    const made = new Array<Uint8Array | UserError>(examples.length);
    const rest = examples.entries();
    const lane = async () => {
      for (const [i, example] of rest) made[i] = await squareOf(dataset, example, preprocess);
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    for (const [i, square] of made.entries()) {
      const example = examples[i]!;
      if (square instanceof UserError) kept.skipped.push({ id: example.id, reason: square.message });
      else {
        kept.squares.push(square);
        kept.examples.push(example);
      }
    }
    return kept;
  }

  /** Puts images `from` to `from + count` into the first rows of {@link pixels}. @returns how many rows that are */
  fill(from: number, count: number): number {
    const { size } = this.preprocess;
    const some = this.squares.slice(from, from + count);
    for (const [i, square] of some.entries()) {
      normalizePixels(square, size, this.preprocess, this.pixels.data, i * 3 * size * size);
    }
    return some.length;
  }
}

async function squareOf(dataset: ImageTextDataset, example: Example, preprocess: PreprocessConfig) {
  try {
    return squareRgb(await wholeImage(dataset, example), preprocess, example.id);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
