import {
  clipLogits,
  type TextOptions,
  type TowerResult,
  textTower,
  type VisionOptions,
  type VisionResult,
  visionTower,
} from '../clip/index.js';
import { param, type TensorTree } from '../nn/index.js';
import { deepPrompts, promptedTextTower } from '../prompt/index.js';
import type { Tensor } from '../tensor/index.js';
import type { TowerModel } from './model.js';
import { projector } from './projector.js';
import { partOf } from './weights.js';

/** What a model's graphs depend on, beside its weights. */
export type GraphModel = Pick<TowerModel, 'config' | 'prompts' | 'projector'>;

/**
 * The vision tower with the model's prompts.
 *
 * @param p the model's weights, by the names of `modelWeights`
 * @param pixels [B, 3, S, S]
 * @param options `prompts` and `prefixes` in place of the model's own prompts
 */
export function visionPass(
  p: TensorTree,
  { config }: GraphModel,
  pixels: Tensor,
  options: VisionOptions = { pooledOnly: true },
): VisionResult {
  return visionTower(p, config, pixels, { prompts: deepPrompts(partOf(p, 'vision'), 'vision'), ...options });
}

/**
 * The text tower with the model's prompts: those that its encoder makes of each text, or deep ones.
 *
 * @param p the model's weights, by the names of `modelWeights`
 * @param ids [N, L] int32, with room for inserted prompts: see `textLimit`
 * @param ends [N] int32
 */
export function textPass(
  p: TensorTree,
  { config, prompts }: GraphModel,
  ids: Tensor,
  ends: Tensor,
  options: Pick<TextOptions, 'pooledOnly' | 'ranks' | 'recompute'> = { pooledOnly: true },
): TowerResult {
  if (!prompts?.encoder) {
    return textTower(p, config, ids, ends, { prompts: deepPrompts(partOf(p, 'text'), 'text'), ...options });
  }
  return promptedTextTower(p, config, partOf(p, 'encoder'), prompts.config, ids, ends, options);
}

/** Image features [B, P] of pixels [B, 3, S, S], not normalised; a visual student's in its teacher's joint space. */
export function imageFeatures(p: TensorTree, model: GraphModel, pixels: Tensor, options?: VisionOptions): Tensor {
  const { embed } = visionPass(p, model, pixels, { pooledOnly: true, ...options });
  return model.projector ? projector(partOf(p, 'projector'), embed, 'running').features : embed;
}

/** Text features [N, P] of ids [N, L] and ends [N], not normalised. */
export function textFeatures(p: TensorTree, model: GraphModel, ids: Tensor, ends: Tensor): Tensor {
  return textPass(p, model, ids, ends).embed;
}

/**
 * Logits [B, N] of image features [B, P] and text features [N, P].
 *
 * @throws Error where the parameters have no `logit_scale`
 */
export function modelLogits(p: TensorTree, images: Tensor, texts: Tensor): Tensor {
  return clipLogits(images, texts, param(p, 'logit_scale'), p.logit_bias);
}
