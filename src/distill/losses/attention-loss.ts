import { renormalizeRows } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { Grid } from './feature-loss.js';

/**
 * An attention map carried to another patch grid: keys and queries are interpolated bilinearly, the class
 * token's row and column are kept apart, rows are renormalised.
 *
 * @param map [B, 1 + h·w, 1 + h·w]
 * @returns [B, 1 + H·W, 1 + H·W]
 */
export function regridAttention(map: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return map;
  const queries = regridAxis(map, from, to); // [B, 1 + H·W, 1 + h·w]
  const keys = regridAxis(t.transpose(queries), from, to); // [B, 1 + H·W keys, 1 + H·W queries]
  return renormalizeRows(t.transpose(keys));
}

/** Interpolates axis 1 of [B, 1 + h·w, D] as a grid behind a class token. */
function regridAxis(x: Tensor, from: Grid, to: Grid): Tensor {
  const tokens = x.shape[1] as number;
  return t.concat([t.slice(x, 1, 0, 1), t.interpolateGrid(t.slice(x, 1, 1, tokens), from, to)], 1);
}

/** A mapped layer's maps: the student's on the teacher's grid, and the teacher's. Both [B, T, T]. */
export interface AttentionPair {
  student: Tensor;
  teacher: Tensor;
}

/** The attention loss: element-wise MSE between head-averaged maps, the mean over mapped layers. */
export function attentionLoss(pairs: readonly AttentionPair[]): Tensor {
  if (pairs.length === 0) throw new RangeError('attentionLoss: expected at least one pair, got none');
  const total = pairs
    .map(({ student, teacher }) => t.mean(t.square(t.sub(student, t.stopGradient(teacher)))))
    .reduce((a, b) => t.add(a, b));
  return t.mul(total, 1 / pairs.length);
}
