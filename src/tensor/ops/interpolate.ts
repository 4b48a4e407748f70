import { constant, formatShape, type Tensor } from '../tensor.js';
import { reshape } from './layout.js';
import { matmul } from './matmul.js';

/** Bilinear weights [H·W, h·w] that take a grid h × w to H × W (pixel centres, as PyTorch with align_corners=false). */
export function bilinearMatrix([h, w]: readonly [number, number], [H, W]: readonly [number, number]): Float32Array {
  const rows = axisWeights(h, H);
  const columns = axisWeights(w, W);
  const out = new Float32Array(H * W * h * w);
  for (let i = 0; i < H; i++)
    for (let j = 0; j < W; j++)
      for (const [y, a] of rows[i]!) for (const [x, b] of columns[j]!) out[(i * W + j) * h * w + y * w + x]! += a * b;
  return out;
}

function axisWeights(from: number, to: number): [number, number][][] {
  return Array.from({ length: to }, (_, i) => {
    const centre = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(centre), from - 1);
    const high = Math.min(low + 1, from - 1);
    const t = centre - low;
    return [
      [low, 1 - t],
      [high, t],
    ];
  });
}

/**
 * A token grid resampled bilinearly: x [B, h·w, D] → [B, H·W, D].
 *
 * @throws Error where x is not a grid of that size
 */
export function interpolateGrid(x: Tensor, from: readonly [number, number], to: readonly [number, number]): Tensor {
  if (x.rank !== 3 || x.shape[1] !== from[0] * from[1]) {
    throw new Error(
      `interpolateGrid: expected [B, ${from[0] * from[1]}, D] for a grid ${from.join('×')}, got ${formatShape(x.shape)}`,
    );
  }
  if (from[0] === to[0] && from[1] === to[1]) return x;
  return matmul(constant({ shape: [to[0] * to[1], from[0] * from[1]], data: bilinearMatrix(from, to) }), x, {
    full: true,
  });
}

/**
 * Images resampled bilinearly, [B, C, h, w] → [B, C, H, W]: one axis after the other, as the weights of both at once
 * ({@link interpolateGrid}) are a matrix [H·W, h·w], which for images costs more than a small student.
 *
 * @throws Error where x is no batch of images
 */
export function interpolateImages(x: Tensor, [H, W]: readonly [number, number]): Tensor {
  if (x.rank !== 4) throw new Error(`interpolateImages: expected [B, C, H, W], got ${formatShape(x.shape)}`);
  const [batch, channels, h, w] = x.shape as [number, number, number, number];
  // The weights of an axis are those of a grid of one row.
  const along = (from: number, to: number) => constant({ shape: [to, from], data: bilinearMatrix([1, from], [1, to]) });
  const lines = reshape(x, [-1, w]);
  const narrow = w === W ? lines : matmul(lines, along(w, W), { transposeB: true, full: true });
  const planes = reshape(narrow, [-1, h, W]);
  const low = h === H ? planes : matmul(along(h, H), planes, { full: true });
  return reshape(low, [batch, channels, H, W]);
}
