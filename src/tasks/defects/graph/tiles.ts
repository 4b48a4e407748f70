import { UserError } from '../../../errors.js';
import { concat, constant, gather, max, reshape, slice, type Tensor, transpose } from '../../../tensor/index.js';

/** How an image is cut into squares that the model's tower reads, and what they are put together to. */
export interface TileLayout {
  /** Side of the resized image, and of a tile, in pixels. */
  readonly side: number;
  readonly tile: number;
  readonly patch: number;
  /** Where tiles begin along an edge, in pixels; all are multiples of a patch. */
  readonly starts: readonly number[];
  /** Patches along an edge of the image, and of a tile. */
  readonly grid: number;
  readonly tileGrid: number;
}

/**
 * Tiles of a square image, each overlapping the next by about a share of its side.
 *
 * @throws UserError for a side that is no multiple of a patch, or less than a tile
 */
export function tileLayout(side: number, tile: number, patch: number, overlap: number): TileLayout {
  if (side < tile || side % patch !== 0) {
    throw new UserError(
      `side: expected a multiple of ${patch}, the model's patch, and at least ${tile}, its image, got ${side}`,
    );
  }
  const stride = Math.max(patch, Math.floor((tile * (1 - overlap)) / patch) * patch);
  const count = Math.ceil((side - tile) / stride) + 1;
  // The last one ends with the image.
  const starts = Array.from({ length: count }, (_, i) => Math.min(i * stride, side - tile));
  return { ...{ side, tile, patch, starts }, grid: side / patch, tileGrid: tile / patch };
}

/** Tiles of an image. [1, 3, side, side] → [tiles, 3, tile, tile], row by row */
export function cutTiles(image: Tensor, { starts, tile }: TileLayout): Tensor {
  const rows = starts.map((top) => slice(image, 2, top, top + tile));
  return concat(
    rows.flatMap((row) => starts.map((left) => slice(row, 3, left, left + tile))),
    0,
  );
}

/**
 * Scores of tiles' patches as those of the image's. Where tiles overlap the greatest counts, so that a small defect on the
 * edge of one is not averaged away. [tiles, tileGrid²] → [grid, grid]
 */
export function mergeTiles(scores: Tensor, { starts, patch, grid, tileGrid }: TileLayout): Tensor {
  const cells: number[][] = Array.from({ length: grid * grid }, () => []);
  const corners = starts.flatMap((top) => starts.map((left) => [top / patch, left / patch] as const));
  for (const [t, [top, left]] of corners.entries()) {
    for (let y = 0; y < tileGrid; y++) {
      for (let x = 0; x < tileGrid; x++) {
        cells[(top + y) * grid + left + x]!.push((t * tileGrid + y) * tileGrid + x);
      }
    }
  }
  const deepest = Math.max(...cells.map(({ length }) => length));
  const places = Int32Array.from(cells.flatMap((own) => Array.from({ length: deepest }, (_, i) => own[i] ?? own[0]!)));
  const flat = reshape(scores, [corners.length * tileGrid ** 2, 1]);
  const found = gather(flat, constant({ shape: [cells.length, deepest], data: places })); // [cells, deepest, 1]
  return reshape(max(reshape(found, [cells.length, deepest]), 1), [grid, grid]);
}

/** Mean of each token and its neighbours, at most 3 × 3 (PatchCore, Roth et al., CVPR 2022, section 3.1). [P, P] */
export function neighbourhood(grid: number): Float32Array {
  const weights = new Float32Array(grid ** 4);
  for (let y = 0; y < grid; y++) {
    for (let x = 0; x < grid; x++) {
      const near: number[] = [];
      for (let v = Math.max(0, y - 1); v <= Math.min(grid - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(grid - 1, x + 1); u++) near.push(v * grid + u);
      }
      for (const place of near) weights[(y * grid + x) * grid * grid + place] = 1 / near.length;
    }
  }
  return weights;
}

/** Keeps the image's rows and columns as they stand: [grid, grid] → [1, 1, grid, grid]. */
export const asImage = (map: Tensor): Tensor => reshape(map, [1, 1, ...map.shape]);

/** @internal [1, H, W, 3] → [1, 3, H, W] */
export const channelsFirst = (image: Tensor): Tensor => transpose(image, [0, 3, 1, 2]);
