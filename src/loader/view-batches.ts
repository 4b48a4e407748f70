import type { AugmentOptions } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig } from '../clip/index.js';
import { type Example, type ImageTextDataset, shardsOf } from '../data/index.js';
import type { HostTensor } from '../tensor/index.js';
import { EpochOrder } from './epoch-order.js';
import { Loader, type LoaderOptions } from './loader.js';
import { storedView } from './stored-view.js';
import type { UnreadableImage } from './unreadable.js';

export interface ViewOptions {
  readonly seed: number;
  readonly batch: number;
  readonly augment: AugmentOptions;
  readonly preprocess: PreprocessConfig;
  readonly loader?: LoaderOptions;
}

/** Endless batches of augmented pictures with their labels, each epoch a new view of every picture. */
export class ViewBatches {
  /** Overwritten by the next batch. */
  readonly pixels: HostTensor<Float32Array>; // [B, 3, S, S]
  readonly labels: HostTensor<Int32Array>; // [B]; −1 where the class is not known
  private readonly loader: Loader;

  constructor(
    dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
    private readonly options: ViewOptions,
  ) {
    const { batch, preprocess, seed } = options;
    const shape = [batch, 3, preprocess.size, preprocess.size];
    this.pixels = { shape, data: new Float32Array(batch * 3 * preprocess.size ** 2) };
    this.labels = { shape: [batch], data: new Int32Array(batch) };
    const order = new EpochOrder(examples.length, seed, shardsOf(dataset, examples));
    const views = (step: number) =>
      Array.from({ length: batch }, (_, i) => {
        const { example, epoch } = order.at(step * batch + i);
        return storedView(examples, example, epoch, preprocess.size, options);
      });
    this.loader = new Loader(
      dataset,
      examples,
      { size: preprocess.size, augment: options.augment, batch, views },
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
      this.labels.data[i] = this.examples[example]!.label ?? -1;
    }
  }

  /** The images found so far that cannot be read; others stand in for them. */
  get unreadable(): readonly UnreadableImage[] {
    return this.loader.unreadable;
  }

  dispose(): Promise<void> {
    return this.loader.dispose();
  }
}
