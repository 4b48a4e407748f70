import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { Grid } from './regrid.js';

/**
 * Token features with the patches pooled to a coarser grid: each cell is the mean over the equal part of the image that it
 * stands for, patches that two cells share counting in proportion. The class token is as it is.
 *
 * @param x [B, 1 + h·w, D]
 * @returns [B, 1 + H·W, D]
 */
export function poolTokens(x: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return x;
  return t.matmul(t.constant(poolMatrix(from, to)), x, { full: true });
}

/**
 * An attention map among pooled patches: the mean over the queries of a cell, the sum over its keys, so that rows still sum to 1.
 *
 * @param map [B, 1 + h·w, 1 + h·w]
 * @returns [B, 1 + H·W, 1 + H·W]
 */
export function poolAttention(map: Tensor, from: Grid, to: Grid): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return map;
  const { shape, data } = poolMatrix(from, to);
  const [rows, columns] = shape as [number, number];
  const cell = (from[0] * from[1]) / (to[0] * to[1]);
  // The class token is one key, a cell is as many as it has patches.
  const sums = data.map((weight, i) => (i < columns ? weight : weight * cell));
  const keys = t.constant({ shape: [rows, columns], data: sums });
  return t.matmul(poolTokens(map, from, to), keys, { transposeB: true, full: true });
}

/** [1 + H·W, 1 + h·w], rows sum to 1. */
function poolMatrix([h, w]: Grid, [H, W]: Grid): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const [down, across] = [overlaps(h, H), overlaps(w, W)];
  const columns = 1 + h * w;
  const data = new Float32Array((1 + H * W) * columns);
  data[0] = 1;
  for (const [i, ys] of down.entries())
    for (const [j, xs] of across.entries())
      for (const [y, a] of ys.entries())
        for (const [x, b] of xs.entries()) data[(1 + i * W + j) * columns + 1 + y * w + x] = a * b;
  return { shape: [1 + H * W, columns], data };
}

/** Of each of `to` equal parts of a line, the shares of the `from` pieces that it covers. */
function overlaps(from: number, to: number): number[][] {
  const part = from / to;
  return Array.from({ length: to }, (_, i) =>
    Array.from(
      { length: from },
      (__, k) => Math.max(0, Math.min(k + 1, (i + 1) * part) - Math.max(k, i * part)) / part,
    ),
  );
}
