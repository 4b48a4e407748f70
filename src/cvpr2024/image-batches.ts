import { normalizePixels, type PreprocessConfig } from '../clip/index.js';
import type { TargetStore } from '../distill/index.js';
import { type Group, gatherRows, imageSlice } from '../group/index.js';
import type { ViewBatches } from '../loader/index.js';
import { EpochOrder } from '../loader/index.js';
import type { TeacherImages } from '../model/index.js';
import type { ImageBatches } from './cvpr2024-task.js';

/** Batches whose teacher features are computed as they are needed: a new view every epoch, at the teacher's cost. */
export function liveBatches(views: ViewBatches, teacher: TeacherImages, group?: Group): ImageBatches {
  const [, , size] = views.pixels.shape as [number, number, number];
  const { own } = views;
  let all: Float32Array | undefined;
  return {
    batch: own.total,
    size,
    async at(step) {
      await views.fill(step);
      const { shape, data } = await teacher.features(views.pixels);
      if (own.count === own.total) return { pixels: views.pixels, teacher: { shape, data } };
      const width = shape[1]!;
      all ??= new Float32Array(own.total * width);
      all.set(data as Float32Array, own.from * width);
      gatherRows(group, own, all);
      return { pixels: views.pixels, teacher: { shape: [own.total, width], data: all } };
    },
  };
}

/** Batches out of a target store: the teacher does not run at all, and the epochs go round the stored views. */
export function storedBatches(
  store: TargetStore,
  preprocess: PreprocessConfig,
  {
    seed,
    batch,
    views,
    group,
  }: { readonly seed: number; readonly batch: number; readonly views: number; readonly group?: Group },
): ImageBatches {
  const { layout } = store;
  const { size, embed } = layout.contents;
  const own = imageSlice('distillation.batch', batch, group);
  const order = new EpochOrder(store.examples, seed);
  const record = new Uint8Array(layout.bytes);
  const pixels = { shape: [own.count, 3, size, size], data: new Float32Array(own.count * 3 * size * size) };
  const teacher = { shape: [batch, embed], data: new Float32Array(batch * embed) };
  return {
    batch,
    size,
    async at(step) {
      for (let i = 0; i < own.count; i++) {
        const { example, epoch } = order.at(step * batch + own.from + i);
        store.read(store.index(store.standIn(example), epoch % views), record);
        normalizePixels(layout.pixels(record), size, preprocess, pixels.data, i * 3 * size * size);
        teacher.data.set(layout.embed(record), (own.from + i) * embed);
      }
      gatherRows(group, own, teacher.data);
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
  let data = new Float32Array(0);
  return {
    ...batches,
    async at(step) {
      const { pixels, teacher } = await batches.at(step);
      if (data.length !== pixels.data.length) data = new Float32Array(pixels.data.length);
      for (let i = 0; i < data.length; i++) {
        const c = Math.floor(i / plane) % 3;
        data[i] = pixels.data[i]! * scale[c]! + shift[c]!;
      }
      return { pixels: { shape: pixels.shape, data }, teacher };
    },
  };
}
