import { concat, constant, l2Normalize, matmul, max, mul, reshape, sub, type Tensor } from '../../../tensor/index.js';
import { neighbourhood } from './tiles.js';

/**
 * What patches are remembered by: their tokens of several layers, each the mean of its neighbourhood and of unit length, one
 * after the other, so that an inner product of two is the mean of the layers' cosines. [N, P, D] each → [N, P, Σ D]
 */
export function patchDescriptors(layers: readonly Tensor[]): Tensor {
  const [, patches] = layers[0]!.shape as [number, number];
  const around = constant({ shape: [patches, patches], data: neighbourhood(Math.sqrt(patches)) });
  const each = layers.map((tokens) => l2Normalize(matmul(around, tokens)));
  return mul(each.length === 1 ? each[0]! : concat(each, 2), 1 / Math.sqrt(layers.length));
}

/**
 * How far each patch is from the nearest remembered one: min (1 − cos) / 2 (WinCLIP, section 4.2).
 *
 * @param descriptors [N, P, D]
 * @param memory [M, D], as {@link patchDescriptors} gives them
 * @returns [N, P]
 */
export function memoryScores(descriptors: Tensor, memory: Tensor): Tensor {
  const [tiles, patches, width] = descriptors.shape as [number, number, number];
  const cosines = matmul(reshape(descriptors, [tiles * patches, width]), memory, { transposeB: true }); // [N · P, M]
  return reshape(mul(sub(1, max(cosines, 1)), 0.5), [tiles, patches]);
}
