import type { AugmentOptions } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig } from '../clip/index.js';
import { type Example, type ImageTextDataset, shardsOf } from '../data/index.js';
import { type Group, gatherRows, imageSlice, type Slice } from '../group/index.js';
import type { HostTensor } from '../tensor/index.js';
import { EpochOrder } from './epoch-order.js';
import { Loader, type LoaderOptions } from './loader.js';
import { storedView } from './stored-view.js';
import type { UnreadableImage } from './unreadable.js';

export interface ViewOptions {
  readonly seed: number;
  /** Images a batch, of all processes together. */
  readonly batch: number;
  /** The processes that train together, each with its slice of the batch. */
  readonly group?: Group;
  readonly augment: AugmentOptions;
  readonly preprocess: PreprocessConfig;
  readonly loader?: LoaderOptions;
}

/** Endless batches of augmented images with their labels, each epoch a new view of every image. */
export class ViewBatches {
  /** Overwritten by the next batch. */
  readonly pixels: HostTensor<Float32Array>; // [b, 3, S, S], of the own images
  readonly labels: HostTensor<Int32Array>; // [B], of all; −1 where the class is not known
  /** Which images of a batch are this process's own. */
  readonly own: Slice;
  private readonly loader: Loader;
  private readonly known: Float32Array;

  /** @throws UserError where a batch has fewer images than there are processes */
  constructor(
    dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
    private readonly options: ViewOptions,
  ) {
    const { batch, preprocess, seed } = options;
    this.own = imageSlice('batch', batch, options.group);
    const { from, count } = this.own;
    this.known = new Float32Array(batch);
    const shape = [count, 3, preprocess.size, preprocess.size];
    this.pixels = { shape, data: new Float32Array(count * 3 * preprocess.size ** 2) };
    this.labels = { shape: [batch], data: new Int32Array(batch) };
    const order = new EpochOrder(examples.length, seed, shardsOf(dataset, examples));
    const views = (step: number) =>
      Array.from({ length: count }, (_, i) => {
        const { example, epoch } = order.at(step * batch + from + i);
        return storedView(examples, example, epoch, preprocess.size, options);
      });
    this.loader = new Loader(
      dataset,
      examples,
      { size: preprocess.size, augment: options.augment, batch: count, views },
      options.loader,
    );
  }

  /** Fills `pixels` and `labels` with the batch of a step, which depends on the seed and the step alone. */
  async fill(step: number): Promise<void> {
    const { preprocess } = this.options;
    const { views, rgb } = await this.loader.batch(step);
    const numbers = 3 * preprocess.size ** 2;
    for (const [i, { example }] of views.entries()) {
      const view = rgb.subarray(i * numbers, (i + 1) * numbers);
      normalizePixels(view, preprocess.size, preprocess, this.pixels.data, i * numbers);
      this.known[this.own.from + i] = this.examples[example]!.label ?? -1;
    }
    gatherRows(this.options.group, this.own, this.known);
    this.labels.data.set(this.known);
  }

  /** The images found so far that cannot be read; others stand in for them. */
  get unreadable(): readonly UnreadableImage[] {
    return this.loader.unreadable;
  }

  dispose(): Promise<void> {
    return this.loader.dispose();
  }
}
