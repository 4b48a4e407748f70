import { type AugmentOptions, augmentText, drawMix, type Mix, mixInto, type Sayings } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig, type Tokenizer } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, shardsOf } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Group, imageSlice, type Slice } from '../group/index.js';
import { EpochOrder, Loader, type LoaderOptions, type UnreadableImage } from '../loader/index.js';
import { Random } from '../math/index.js';
import type { HostTensor } from '../tensor/index.js';

export interface BatchOptions {
  readonly split: string;
  /** Images a batch, of all processes together. */
  readonly batch: number;
  /** The processes that train together, each with its slice of the batch. */
  readonly group?: Group;
  /** Token positions a text. */
  readonly context: number;
  readonly seed: number;
  readonly augment: AugmentOptions;
  /** What models make of the captions. */
  readonly sayings?: Sayings;
  readonly preprocess: PreprocessConfig;
  readonly tokenizer: Tokenizer;
  readonly loader?: LoaderOptions;
}

/** Texts whose tokens are kept; augmentation makes ever new ones. */
const mostTexts = 100_000;

/** What the contrastive program reads; the arrays are reused by the next batch. */
export type ContrastiveFeeds = Readonly<Record<'pixels' | 'ids' | 'ends' | 'matches', HostTensor>>;

/**
 * Endless batches of images, each with one of its captions at random.
 *
 * Epochs are reshuffled passes over the split. Batch n depends on the seed and n alone, so that a
 * resumed run sees what an uninterrupted one sees. Of several processes each makes its slice of the batch; who matches whom is
 * told of all images and texts.
 */
export class ContrastiveBatches {
  private readonly examples: readonly Example[];
  private readonly captionSets: readonly ReadonlySet<string>[];
  private readonly loader: Loader;
  private readonly tokens = new Map<string, { ids: Int32Array; end: number }>();
  private readonly feeds: ContrastiveFeeds;
  private readonly own: Slice;
  /** The example that stands at each place of a batch. */
  private readonly shown: Float32Array;

  /** @throws UserError where the split is missing or smaller than a batch, or a batch has fewer images than there are processes */
  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly options: BatchOptions,
  ) {
    const { batch, context, split } = options;
    this.examples = examplesOf(dataset, split).filter(({ captions }) => captions.length > 0);
    if (this.examples.length === 0) {
      throw new UserError(
        `${dataset.name}/${split}: expected images with captions or classes to learn from, found none; distill and tune-prompts learn from images alone, by a model's answers`,
      );
    }
    if (this.examples.length < batch) {
      throw new UserError(
        `batch: ${batch} is more than the ${this.examples.length} captioned images of ${dataset.name}/${split}; choose a smaller batch`,
      );
    }
    this.captionSets = this.examples.map(({ captions }) => new Set(captions));
    const own = imageSlice('batch', batch, options.group);
    this.own = own;
    this.shown = new Float32Array(2 * batch);
    const size = options.preprocess.size;
    const order = new EpochOrder(this.examples.length, options.seed, shardsOf(dataset, this.examples));
    // An image is mixed with the one behind it, which may be the next process's.
    const made = own.count + (options.augment.mix && own.count < batch ? 1 : 0);
    const views = (n: number) =>
      Array.from({ length: made }, (_, i) => {
        const place = (own.from + i) % batch;
        return { example: order.at(n * batch + place).example, key: [options.seed, 'view', n, place] };
      });
    const plan = { size, augment: options.augment, batch: made, views };
    this.loader = new Loader(dataset, this.examples, plan, options.loader);
    const { count } = own;
    this.feeds = {
      pixels: { shape: [count, 3, size, size], data: new Float32Array(count * 3 * size * size) },
      ids: { shape: [count, context], data: new Int32Array(count * context) },
      ends: { shape: [count], data: new Int32Array(count) },
      matches: { shape: [batch, batch], data: new Float32Array(batch * batch) },
    };
  }

  /** Fills the feeds with batch `n`. */
  async batch(n: number): Promise<ContrastiveFeeds> {
    const { seed, augment, preprocess, context } = this.options;
    const { pixels, ids, ends } = this.feeds;
    const { size } = preprocess;
    const { views, rgb } = await this.loader.batch(n);
    const mix = augment.mix && drawMix(augment.mix, size, new Random(seed, 'mix', n));
    const images = views.map((_, i) => rgb.subarray(i * size * size * 3, (i + 1) * size * size * 3));
    if (mix) mixWithNext(images, size, mix);
    const { from, count, total } = this.own;
    const caption = (example: number, place: number) =>
      new Random(seed, 'caption', n, place).pick(this.examples[example]!.captions);
    for (const [i, { example }] of views.slice(0, count).entries()) {
      normalizePixels(images[i]!, size, preprocess, pixels.data as Float32Array, i * 3 * size * size);
      const place = from + i;
      const { ids: row, end } = this.encode(this.said(caption(example, place), example, n, place), context);
      ids.data.set(row, i * context);
      ends.data[i] = end;
    }
    const shown = this.shownInAll(views.slice(0, count).map(({ example }) => example));
    this.match(
      shown.map((example) => this.captionSets[example]!),
      Array.from({ length: total }, (_, place) => caption(shown[place]!, place)),
      mix?.share ?? 1,
    );
    return this.feeds;
  }

  /** The examples of the whole batch: which stand in for unreadable ones, the process that read them knows. */
  private shownInAll(own: readonly number[]): readonly number[] {
    const { group } = this.options;
    if (!group || group.size === 1) return own;
    // In two parts, so that float32 holds them.
    const { shown } = this;
    const parts = 2 ** 20;
    shown.fill(0);
    for (const [i, example] of own.entries()) {
      shown[2 * (this.own.from + i)] = Math.floor(example / parts);
      shown[2 * (this.own.from + i) + 1] = example % parts;
    }
    group.allReduce(shown);
    return Array.from({ length: this.own.total }, (_, place) => shown[2 * place]! * parts + shown[2 * place + 1]!);
  }

  /** A caption as text augmentation says it; as it is where it would no longer fit the context. */
  private said(caption: string, example: number, n: number, i: number): string {
    const { augment, seed, tokenizer, context, sayings } = this.options;
    if (!augment.text) return caption;
    const { label } = this.examples[example]!;
    const keep = label === undefined ? [] : [this.dataset.classes[label]!.name];
    const said = augmentText(caption, augment.text, new Random(seed, 'text', n, i), keep, sayings);
    return tokenizer.tokens(said).length + 2 > context ? caption : said;
  }

  /** The images found so far that cannot be read; others stand in for them. */
  get unreadable(): readonly UnreadableImage[] {
    return this.loader.unreadable;
  }

  dispose(): Promise<void> {
    return this.loader.dispose();
  }

  /**
   * A text matches every image that lists it, not only the one it was drawn for; an image mixed with the next by λ and
   * 1 − λ matches the texts of both so. Every image and every text still has matches of 1 or more in all.
   */
  private match(own: readonly ReadonlySet<string>[], captions: readonly string[], share: number): void {
    const { data } = this.feeds.matches;
    for (const [i, texts] of own.entries()) {
      const next = own[(i + 1) % own.length]!;
      for (const [j, caption] of captions.entries()) {
        data[i * own.length + j] = (texts.has(caption) ? share : 0) + (next.has(caption) ? 1 - share : 0);
      }
    }
  }

  private encode(caption: string, context: number): { ids: Int32Array; end: number } {
    let known = this.tokens.get(caption);
    if (!known) {
      const { ids, eos } = this.options.tokenizer.encode([caption], context);
      known = { ids, end: eos[0]! };
      if (this.tokens.size < mostTexts) this.tokens.set(caption, known);
    }
    return known;
  }
}

/**
 * Every image with the one behind it, the last with the first: each is once the first and once the second of a pair. Of a slice
 * of a batch the last one is the next slice's first, and is not used itself.
 */
function mixWithNext(images: readonly Uint8Array[], size: number, mix: Mix): void {
  const first = images[0]!.slice();
  for (const [i, image] of images.entries()) mixInto(image, images[i + 1] ?? first, size, mix);
}
