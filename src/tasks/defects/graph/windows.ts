import { type GraphModel, imageFeatures } from '../../../model/index.js';
import type { TensorTree } from '../../../nn/index.js';
import { add, constant, div, gather, matmul, reshape, type Tensor, transpose } from '../../../tensor/index.js';
import { stateProbability } from './states.js';

/** Windows of a grid of patches: all squares of `size` patches, and how they cover it. */
interface Windows {
  /** For each window its tokens: the class token, 0, and its patches, from 1. [windows, 1 + size²] */
  readonly tokens: Int32Array;
  /** [patches, windows], rows sum to 1 */
  readonly cover: Float32Array;
  readonly count: number;
}

function windowsOf(grid: number, size: number): Windows {
  const along = grid - size + 1;
  const count = along * along;
  const tokens = new Int32Array(count * (1 + size * size));
  const cover = new Float32Array(grid * grid * count);
  const depth = new Float32Array(grid * grid);
  for (let w = 0; w < count; w++) {
    const [top, left] = [Math.floor(w / along), w % along];
    for (let k = 0; k < size * size; k++) {
      const patch = (top + Math.floor(k / size)) * grid + left + (k % size);
      tokens[w * (1 + size * size) + 1 + k] = 1 + patch;
      cover[patch * count + w] = 1;
      depth[patch]!++;
    }
  }
  for (let i = 0; i < cover.length; i++) cover[i]! /= depth[Math.floor(i / count)]!;
  return { tokens, cover, count };
}

/** Scores that language gives to tiles, and to their patches. */
export interface LanguageScores {
  /** Of each tile as a whole [tiles, 1] */
  readonly tiles: Tensor;
  /** [tiles, P] */
  readonly patches: Tensor;
}

/**
 * WinCLIP (Jeong et al., CVPR 2023), zero-shot: how much each window of 2 × 2 and 3 × 3 patches looks damaged rather than
 * sound, in words; a patch takes the harmonic mean of the windows that cover it, and of both sizes and the whole tile.
 *
 * Each window is read by the tower with a class token of its own, and sees nothing of the others. Written as one sequence
 * that would be a block-diagonal mask; here windows stand on the batch axis, which gives the same numbers in one pass and
 * computes none of the masked blocks.
 *
 * @param pixels tiles [N, 3, S, S], preprocessed
 * @param texts unit features of sound and damaged [2, E]
 */
export function windowScores(
  p: TensorTree,
  model: GraphModel,
  pixels: Tensor,
  texts: Tensor,
  temperature: number,
): LanguageScores {
  const { image_size, patch_size, hidden_size: width } = model.config.vision_config;
  const grid = image_size / patch_size;
  const [tiles] = pixels.shape as [number];
  const whole = stateProbability(imageFeatures(p, model, pixels), texts, temperature); // [N, 1]
  const scales = [2, 3].filter((size) => size <= grid);
  let inverse = div(1, whole);
  for (const size of scales) {
    const { tokens, cover, count } = windowsOf(grid, size);
    const own = 1 + size * size;
    const pick = (all: Tensor) => {
      const table = reshape(transpose(all, [1, 0, 2]), [1 + grid * grid, tiles * width]);
      const picked = gather(table, constant({ shape: [count * own], data: tokens })); // [windows · own, N · D]
      const apart = transpose(reshape(picked, [count, own, tiles, width]), [0, 2, 1, 3]);
      return reshape(apart, [count * tiles, own, width]);
    };
    const scores = stateProbability(imageFeatures(p, model, pixels, { pick }), texts, temperature); // [windows · N, 1]
    const mean = matmul(
      constant({ shape: [grid * grid, count], data: cover }),
      div(1, reshape(scores, [count, tiles])),
    ); // of the inverses [P, N]
    inverse = add(inverse, transpose(mean)); // [N, P]
  }
  return { tiles: whole, patches: div(1 + scales.length, inverse) };
}
