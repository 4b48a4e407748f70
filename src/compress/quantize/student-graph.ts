import {
  fitPixels,
  type TokenizedTexts,
  type TowerResult,
  textTower,
  type VisionOptions,
  visionTower,
} from '../../clip/index.js';
import { paramFeeds, paramInputs } from '../../nn/index.js';
import { deepPrompts, promptedTextTower } from '../../prompt/index.js';
import { type HostTensor, input, type Tensor } from '../../tensor/index.js';
import { ENCODER } from '../graphs.js';
import type { Student } from '../student.js';
import { VISION, weightsOf } from './mixture.js';

/**
 * The vision tower over the input `pixels`, its last block for the class tokens alone; weights are inputs too.
 *
 * @param side of the pictures fed, which are resampled to the student's. @defaultValue the student's own
 */
export function imageGraph(
  { checkpoint, prompts }: Student,
  count: number,
  side?: number,
  tower: Pick<VisionOptions, 'recompute'> = {},
): TowerResult {
  const { params, config } = checkpoint;
  const { image_size: size, num_channels: channels } = config.vision_config;
  const fed = input('pixels', [count, channels, side ?? size, side ?? size]);
  return visionTower(paramInputs(params), config, fitPixels(fed, size), {
    prompts: deepPrompts(visionInputs(prompts), 'vision'),
    pooledOnly: true,
    ...tower,
  });
}

/** The text tower over the inputs `ids` and `ends`, its last block for the end tokens alone; weights are inputs too. */
export function textGraph(
  { checkpoint, prompts }: Student,
  count: number,
  length: number,
  tower: Pick<VisionOptions, 'recompute'> = {},
): { readonly tower: TowerResult; readonly ends: Tensor } {
  const { params, config } = checkpoint;
  const [ids, ends] = [input('ids', [count, length], 'int32'), input('ends', [count], 'int32')];
  const p = paramInputs(params);
  const pooled = { pooledOnly: true, ...tower };
  if (!prompts) return { tower: textTower(p, config, ids, ends, pooled), ends };
  const encoder = paramInputs(prompts.encoder, ENCODER);
  return { tower: promptedTextTower(p, config, encoder, prompts.config, ids, ends, pooled), ends };
}

const visionInputs = (prompts: Student['prompts']) =>
  Object.fromEntries(
    Object.entries(prompts?.vision ?? {}).map(([name, { shape }]) => [name, input(VISION + name, shape)]),
  );

/** Feeds of the weights and vision prompts of both graphs. */
export function studentFeeds(student: Student): Record<string, HostTensor> {
  return { ...weightsOf(student), ...paramFeeds(student.prompts?.vision ?? {}, VISION) };
}

/** Feeds of some pictures of [N, 3, S, S]. */
export function pictureFeeds({ shape, data }: HostTensor<Float32Array>, from: number, count: number) {
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
