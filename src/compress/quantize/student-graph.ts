import { fitPixels, type TokenizedTexts, type TowerResult, type VisionOptions } from '../../clip/index.js';
import { modelWeights, type TowerModel, textPass, visionPass } from '../../model/index.js';
import { paramInputs } from '../../nn/index.js';
import { type HostTensor, input, type Tensor } from '../../tensor/index.js';

/**
 * The vision tower over the input `pixels`, its last block for the class tokens alone; weights are inputs too.
 *
 * @param side of the images fed, which are resampled to the student's. @defaultValue the student's own
 */
export function imageGraph(
  student: TowerModel,
  count: number,
  side?: number,
  tower: Pick<VisionOptions, 'recompute'> = {},
): TowerResult {
  const { image_size: size, num_channels: channels } = student.config.vision_config;
  const fed = input('pixels', [count, channels, side ?? size, side ?? size]);
  return visionPass(paramInputs(modelWeights(student)), student, fitPixels(fed, size), { pooledOnly: true, ...tower });
}

/** The text tower over the inputs `ids` and `ends`, its last block for the end tokens alone; weights are inputs too. */
export function textGraph(
  student: TowerModel,
  count: number,
  length: number,
  tower: Pick<VisionOptions, 'recompute'> = {},
): { readonly tower: TowerResult; readonly ends: Tensor } {
  const [ids, ends] = [input('ids', [count, length], 'int32'), input('ends', [count], 'int32')];
  return {
    tower: textPass(paramInputs(modelWeights(student)), student, ids, ends, { pooledOnly: true, ...tower }),
    ends,
  };
}

/** Feeds of some images of [N, 3, S, S]. */
export function imageFeeds({ shape, data }: HostTensor<Float32Array>, from: number, count: number) {
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return { pixels: { shape: [count, ...shape.slice(1)], data: data.subarray(from * size, (from + count) * size) } };
}

/** Feeds of some texts. */
export function textFeeds({ ids, ends, length }: TokenizedTexts, from: number, count: number) {
  return {
    ids: { shape: [count, length], data: ids.subarray(from * length, (from + count) * length) },
    ends: { shape: [count], data: ends.subarray(from, from + count) },
  };
}
