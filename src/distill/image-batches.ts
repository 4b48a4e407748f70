import type { AugmentOptions } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig } from '../clip/index.js';
import { type Example, type ImageTextDataset, shardsOf } from '../data/index.js';
import { Loader, type LoaderOptions, storedView } from '../loader/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { ImageBatches } from './cvpr2024-task.js';
import { EpochOrder } from './epoch-order.js';
import type { TeacherImages } from './prompted-teacher.js';
import type { TargetStore } from './target-store.js';

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

  dispose(): Promise<void> {
    return this.loader.dispose();
  }
}

/** Batches whose teacher features are computed as they are needed: a new view every epoch, at the teacher's cost. */
export function liveBatches(views: ViewBatches, teacher: TeacherImages): ImageBatches {
  const [batch, , size] = views.pixels.shape as [number, number, number];
  return {
    batch,
    size,
    async at(step) {
      await views.fill(step);
      return { pixels: views.pixels, teacher: await teacher.features(views.pixels) };
    },
  };
}

/** Batches out of a target store: the teacher does not run at all, and the epochs go round the stored views. */
export function storedBatches(
  store: TargetStore,
  preprocess: PreprocessConfig,
  { seed, batch, views }: { readonly seed: number; readonly batch: number; readonly views: number },
): ImageBatches {
  const { layout } = store;
  const { size, embed } = layout.contents;
  const order = new EpochOrder(store.examples, seed);
  const record = new Uint8Array(layout.bytes);
  const pixels = { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size * size) };
  const teacher = { shape: [batch, embed], data: new Float32Array(batch * embed) };
  return {
    batch,
    size,
    async at(step) {
      for (let i = 0; i < batch; i++) {
        const { example, epoch } = order.at(step * batch + i);
        store.read(store.index(example, epoch % views), record);
        normalizePixels(layout.pixels(record), size, preprocess, pixels.data, i * 3 * size * size);
        teacher.data.set(layout.embed(record), i * embed);
      }
      return { pixels, teacher };
    },
  };
}

/**
 * Batches whose pixels are normalised as another model wants them: a frozen student sees what it was trained on,
 *
 *     x' = (x · std + mean − mean') / std'
 */
export function renormalized(batches: ImageBatches, from: PreprocessConfig, to: PreprocessConfig): ImageBatches {
  const scale = from.std.map((std, c) => std / to.std[c]!);
  const shift = from.mean.map((mean, c) => (mean - to.mean[c]!) / to.std[c]!);
  if (scale.every((x) => x === 1) && shift.every((x) => x === 0)) return batches;
  const plane = batches.size ** 2;
  const data = new Float32Array(batches.batch * 3 * plane);
  return {
    ...batches,
    async at(step) {
      const { pixels, teacher } = await batches.at(step);
      for (let i = 0; i < data.length; i++) {
        const c = Math.floor(i / plane) % 3;
        data[i] = pixels.data[i]! * scale[c]! + shift[c]!;
      }
      return { pixels: { shape: pixels.shape, data }, teacher };
    },
  };
}
