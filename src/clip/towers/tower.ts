import type { Tensor } from '../../tensor/index.js';

/** What a tower gives. */
export interface TowerResult {
  /** Projected, not normalised features [N, projection_dim]. */
  readonly embed: Tensor;
  /** Input of the first block, then each block's output: layers + 1 tensors [N, T, D]. */
  readonly hidden: Tensor[];
  /** Attention map of each block [N, H, T, T]. */
  readonly attention: Tensor[];
  /** Normalised and projected features of every token [N, T, projection_dim]. */
  tokenEmbeds(): Tensor;
}

/** What a vision tower gives. */
export interface VisionResult extends TowerResult {
  /** Normalises and projects tokens of any layer [N, T, D] as those of the last one are. → [N, T, projection_dim] */
  project(tokens: Tensor): Tensor;
}
