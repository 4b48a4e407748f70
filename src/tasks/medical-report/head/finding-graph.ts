import type { GraphModel } from '../../../model/index.js';
import type { TensorTree } from '../../../nn/index.js';
import type { Tensor } from '../../../tensor/index.js';
import * as t from '../../../tensor/index.js';
import { patchTokens } from '../../patch-features.js';
import { findingHead, type HeadConfig, type HeadResult } from './finding-head.js';

export interface FindingResult extends HeadResult {
  /** The image's features, unit rows [B, E]. */
  readonly embed: Tensor;
  /** factor · (cos(image, positive prompts) − cos(image, negative prompts)) [B, F]. */
  readonly pairs: Tensor;
  /** Mean of the patch tokens [B, D]. */
  readonly mean: Tensor;
}

/**
 * Findings of images: the frozen tower, the head on its patch tokens, and the prompt pairs.
 *
 * @param model weights by the names of `modelWeights`
 * @param head parameters of `initHead`
 * @param pixels [B, 3, S, S]
 * @param texts of `pairFeatures` [2F, E]
 * @param factor exp(logit_scale)
 */
export function findingGraph(
  weights: { readonly model: TensorTree; readonly head: TensorTree },
  model: GraphModel,
  config: HeadConfig,
  pixels: Tensor,
  texts: Tensor,
  factor: number,
): FindingResult {
  const tokens = patchTokens(weights.model, model, pixels, { layers: [config.layer] });
  const embed = t.l2Normalize(tokens.embed); // [B, E]
  const head = findingHead(weights.head, config, { patches: tokens.layers[0]!, embed });
  // Divided by a number: the batch may be open.
  const mean = t.div(t.sum(tokens.layers[0]!, [1]), config.patches); // [B, D]
  return { ...head, embed, mean, pairs: pairScores(embed, texts, config.findings, factor) };
}

/** @param embed unit rows [B, E] @param texts [2F, E] */
export function pairScores(embed: Tensor, texts: Tensor, findings: number, factor: number): Tensor {
  const cosines = t.matmul(embed, texts, { transposeB: true }); // [B, 2F]
  return t.mul(t.sub(t.slice(cosines, 1, 0, findings), t.slice(cosines, 1, findings, 2 * findings)), factor);
}

/** Before the names under which a head's parameters are fed. */
export const headPrefix = 'head/';
