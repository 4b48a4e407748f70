import { renormalizeRows } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** Tokens of a Vision Transformer: the class token, then rows × columns patches. */
export type Grid = readonly [rows: number, columns: number];

/**
 * Token features carried to another patch grid: the class token as it is, the patches interpolated bilinearly.
 *
 * @param x [B, 1 + h·w, D]
 * @returns [B, 1 + H·W, D]
 */
export function regridTokens(x: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return x;
  const tokens = x.shape[1] as number;
  const patches = t.interpolateGrid(t.slice(x, 1, 1, tokens), from, to); // [B, H·W, D]
  return t.concat([t.slice(x, 1, 0, 1), patches], 1);
}

/**
 * An attention map carried to another patch grid: keys and queries are interpolated bilinearly, the class
 * token's row and column are kept apart, rows are renormalised.
 *
 * @param map [B, 1 + h·w, 1 + h·w]
 * @returns [B, 1 + H·W, 1 + H·W]
 */
export function regridAttention(map: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return map;
  const queries = regridTokens(map, from, to); // [B, 1 + H·W, 1 + h·w]
  const keys = regridTokens(t.transpose(queries), from, to); // [B, 1 + H·W keys, 1 + H·W queries]
  return renormalizeRows(t.transpose(keys));
}

/**
 * An attention map of some tokens among themselves, rows renormalised.
 *
 * @param map [B, T, T]
 * @param kept [B, K] as `gatherTokens` takes them
 * @returns [B, K, K]
 */
export function keepMap(map: Tensor, kept: Tensor): Tensor {
  const queries = t.gatherTokens(map, kept); // [B, K, T]
  return renormalizeRows(t.transpose(t.gatherTokens(t.transpose(queries), kept)));
}
