import type { Example, ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { PixelBlocks } from '../loader/index.js';
import { dots, toUnitRows } from '../math/index.js';
import { teacherImages } from '../model/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { TunePromptsOptions } from './prepare-tuning.js';
import { pseudoLabels } from './pseudo-labels.js';

/**
 * For each image the column of its pseudo-label, or −1; an image that cannot be read has none.
 *
 * @param texts the frozen model's features of the classes
 * @throws the signal's reason where it is aborted
 * @throws UserError where no image can be read
 */
export async function guessLabels(
  { model, recipe, engine, signal, onProgress }: TunePromptsOptions,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  texts: HostTensor<Float32Array>,
): Promise<number[]> {
  const { config, params, preprocess } = model;
  const [classes, width] = texts.shape as [number, number];
  const block = Math.min(64, examples.length);
  const images = await teacherImages({ config, params, prompts: {} }, block, engine);
  const scale = Math.exp(params.logit_scale!.data[0]!);
  const logits = new Float32Array(examples.length * classes);
  const unit = toUnitRows({ data: texts.data.slice(), count: classes, width });
  const cosines = new Float64Array(classes);
  const pixels = new PixelBlocks(dataset, examples, preprocess, block);
  try {
    for (let from = 0; from < examples.length; from += block) {
      signal?.throwIfAborted();
      await onProgress?.({ phase: 'pseudo-labels', step: from, steps: examples.length });
      const row = pixels.kept.length;
      const filled = await pixels.fill(from, block);
      const { data } = await images.features(pixels.pixels); // rows behind the filled ones are not read
      const seen = { data: data as Float32Array, count: filled, width };
      for (let i = 0; i < filled; i++) {
        const own = dots(seen, i, unit, cosines).map((cosine) => scale * cosine);
        logits.set(own, (row + i) * classes);
      }
    }
  } finally {
    await images.dispose();
  }
  const [fault] = pixels.skipped;
  if (fault && pixels.kept.length === 0) {
    throw new UserError(`none of the ${examples.length} images can be read, the first: ${fault.reason}`);
  }
  const found = new Array<number>(examples.length).fill(-1);
  const { threshold, per_class: perClass } = recipe.pseudo;
  const read = logits.subarray(0, pixels.kept.length * classes);
  const places = new Map(examples.map(({ id }, place) => [id, place]));
  for (const { image, label } of pseudoLabels(read, classes, { threshold, perClass })) {
    found[places.get(pixels.kept[image]!.id)!] = label;
  }
  return found;
}
