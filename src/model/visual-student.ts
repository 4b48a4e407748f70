import { type Checkpoint, type ClipConfig, type VisionOptions, visionTower } from '../clip/index.js';
import type { BatchStatistics, Params, TensorTree } from '../nn/index.js';
import { deepPrompts, initDeepPrompts } from '../prompt/index.js';
import type { Tensor } from '../tensor/index.js';
import type { ClassVectors, TowerModel } from './model.js';
import { initProjector, projector } from './projector.js';

/** What a visual student learns. */
export interface VisualHead {
  /** `vision.0`, `vision.1`, … [n_ctx, D] */
  readonly prompts: Params;
  /** See `initProjector`. */
  readonly projector: Params;
}

/** The student of the CVPR 2024 recipe: only its deep visual prompts and its projector learn. */
export interface VisualStudent extends VisualHead {
  readonly config: ClipConfig;
  /** The CLIP model, frozen. */
  readonly params: Params;
}

/** A frozen model with fresh prompts and a fresh projector into a teacher's joint space of `width` dimensions. */
export function initVisualStudent(
  { config, params }: Pick<VisualStudent, 'config' | 'params'>,
  width: number,
  options: { readonly n_ctx: number; readonly depth: number; readonly seed: number },
): VisualStudent {
  const { n_ctx, depth, seed } = options;
  const shape = { n_ctx, depth, width: config.vision_config.hidden_size };
  return {
    config,
    params,
    prompts: initDeepPrompts('vision', shape, seed),
    projector: initProjector(config.projection_dim, width, seed),
  };
}

/** A visual student as a model: a frozen checkpoint with what was learned, and the classes that it tells apart. */
export function visualModel(
  checkpoint: Checkpoint,
  { prompts, projector }: VisualHead,
  { names, features }: Pick<ClassVectors, 'names' | 'features'>,
): TowerModel {
  return { ...checkpoint, prompts: { vision: prompts }, projector, classes: { names, features, templates: ['{}'] } };
}

/** The parts of a `VisualStudent` in a traced graph. */
export interface VisualStudentTree {
  readonly params: TensorTree;
  readonly prompts: TensorTree;
  readonly projector: TensorTree;
}

/**
 * Image features in the teacher's joint space: the prompted vision tower, then the projector.
 *
 * @param pixels [B, 3, S, S]
 * @param normalise see `projector`
 * @param gathered from embeddings to those of all processes: the projector's batch norm is over the whole batch
 * @returns features [B, P_t], not normalised
 */
export function visualStudentFeatures(
  p: VisualStudentTree,
  config: ClipConfig,
  pixels: Tensor,
  normalise: 'batch' | 'running',
  tower: Pick<VisionOptions, 'recompute' | 'ranks'> = {},
  gathered: (embeds: Tensor) => Tensor = (embeds) => embeds,
): { features: Tensor; statistics: BatchStatistics } {
  const { embed } = visionTower(p.params, config, pixels, {
    prompts: deepPrompts(p.prompts, 'vision'),
    pooledOnly: true,
    ...tower,
  });
  return projector(p.projector, gathered(embed), normalise);
}
