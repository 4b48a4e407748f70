import { type AugmentOptions, augmentImage } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig, type Tokenizer } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../random.js';
import type { HostTensor } from '../tensor/index.js';
import { EpochOrder } from './epoch-order.js';
import { PictureCache } from './picture-cache.js';

export interface BatchOptions {
  readonly split: string;
  readonly batch: number;
  /** Token positions a text. */
  readonly context: number;
  readonly seed: number;
  readonly augment: AugmentOptions;
  readonly preprocess: PreprocessConfig;
  readonly tokenizer: Tokenizer;
}

/** What the contrastive program reads; the arrays are reused by the next batch. */
export type ContrastiveFeeds = Readonly<Record<'pixels' | 'ids' | 'ends' | 'matches', HostTensor>>;

/**
 * Endless batches of pictures, each with one of its captions at random.
 *
 * Epochs are reshuffled passes over the split. Batch n depends on the seed and n alone, so that a
 * resumed run sees what an uninterrupted one sees.
 */
export class ContrastiveBatches {
  private readonly examples: readonly Example[];
  private readonly captionSets: readonly ReadonlySet<string>[];
  private readonly pictures: PictureCache;
  private readonly order: EpochOrder;
  private readonly tokens = new Map<string, { ids: Int32Array; end: number }>();
  private readonly feeds: ContrastiveFeeds;

  /** @throws UserError where the split is missing or smaller than a batch. */
  constructor(
    dataset: ImageTextDataset,
    private readonly options: BatchOptions,
  ) {
    const { batch, context, split } = options;
    this.examples = examplesOf(dataset, split).filter(({ captions }) => captions.length > 0);
    if (this.examples.length < batch) {
      throw new UserError(
        `batch: ${batch} is more than the ${this.examples.length} captioned pictures of ${dataset.name}/${split}; choose a smaller batch`,
      );
    }
    this.pictures = new PictureCache(dataset, this.examples);
    this.order = new EpochOrder(this.examples.length, options.seed);
    this.captionSets = this.examples.map(({ captions }) => new Set(captions));
    const size = options.preprocess.size;
    this.feeds = {
      pixels: { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size * size) },
      ids: { shape: [batch, context], data: new Int32Array(batch * context) },
      ends: { shape: [batch], data: new Int32Array(batch) },
      matches: { shape: [batch, batch], data: new Float32Array(batch * batch) },
    };
  }

  /** Fills the feeds with batch `n`. */
  async batch(n: number): Promise<ContrastiveFeeds> {
    const { batch, seed, augment, preprocess, context } = this.options;
    const { pixels, ids, ends, matches } = this.feeds;
    const size = preprocess.size;
    const chosen = Array.from({ length: batch }, (_, i) => this.order.at(n * batch + i).example);
    const captions: string[] = [];
    for (const [i, index] of chosen.entries()) {
      const random = new Random(seed, 'view', n, i);
      const rgb = augmentImage(await this.pictures.get(index), size, augment, random);
      normalizePixels(rgb, size, preprocess, pixels.data as Float32Array, i * 3 * size * size);
      const caption = new Random(seed, 'caption', n, i).pick(this.examples[index]!.captions);
      const { ids: row, end } = this.encode(caption, context);
      ids.data.set(row, i * context);
      ends.data[i] = end;
      captions.push(caption);
    }
    // A text matches every picture that lists it, not only the one it was drawn for.
    for (const [i, index] of chosen.entries()) {
      const own = this.captionSets[index]!;
      for (let j = 0; j < batch; j++) matches.data[i * batch + j] = own.has(captions[j]!) ? 1 : 0;
    }
    return this.feeds;
  }

  private encode(caption: string, context: number): { ids: Int32Array; end: number } {
    let known = this.tokens.get(caption);
    if (!known) {
      const { ids, eos } = this.options.tokenizer.encode([caption], context);
      known = { ids, end: eos[0]! };
      this.tokens.set(caption, known);
    }
    return known;
  }
}
