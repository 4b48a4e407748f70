import { z } from 'zod';
import {
  FreshParams,
  layerNormLayer,
  linearLayer,
  ParamShapes,
  type Params,
  param,
  type TensorTree,
} from '../../../nn/index.js';
import type { Tensor } from '../../../tensor/index.js';
import * as t from '../../../tensor/index.js';

const count = z.int().positive();

/** Sizes of a head, and of what it reads. */
export const headConfig = z.strictObject({
  /** Width of keys and values. */
  width: count,
  findings: count,
  /** Layer of the vision tower whose patch tokens are read, from 1. */
  layer: count,
  patches: count,
  patch_width: count,
  embed_width: count,
});
export type HeadConfig = z.infer<typeof headConfig>;

const eps = 1e-5;

/** Random parameters; the same seed gives the same. */
export function initHead(config: HeadConfig, seed: number): Params {
  const fresh = new FreshParams(seed, 'finding-head');
  drawHead(config, fresh);
  return fresh.params;
}

/** @throws UserError where parameters that were read are not a head's of this config */
export function checkHeadParams(config: HeadConfig, params: Params, where: string): void {
  const shapes = new ParamShapes();
  drawHead(config, shapes);
  shapes.check(params, where);
}

function drawHead({ width, findings, patches, patch_width, embed_width }: HeadConfig, fresh: FreshParams): void {
  fresh.norm('norm', patch_width);
  fresh.normal('position', [patches, patch_width], 0.02);
  for (const part of ['key', 'value']) fresh.dense(part, patch_width, width);
  fresh.normal('query', [findings, width], 1);
  fresh.normal('out', [findings, width], width ** -0.5);
  fresh.normal('embed.weight', [findings, embed_width], 0.1 * embed_width ** -0.5);
  fresh.filled('embed.bias', findings, -1);
}

/** What a head reads of an image. */
export interface HeadInputs {
  /** Of the frozen model, of `config.layer` [B, P, D]. */
  readonly patches: Tensor;
  /** The image's features, unit rows [B, E]. */
  readonly embed: Tensor;
}

export interface HeadResult {
  /** One decision a finding [B, F]. */
  readonly logits: Tensor;
  /** Where each finding is looked for: a distribution over patches [B, F, P]. */
  readonly attention: Tensor;
  /** What is seen there [B, F, width]. */
  readonly seen: Tensor;
}

/**
 * A multi-label head on frozen features. Each finding has a learned query that attends to the patches:
 *
 *     x_p = LN(token_p) + position_p,   a_f = softmax_p(q_f · K x_p / √d),   s_f = Σ_p a_fp gelu(V x_p)
 *     z_f = s_f · o_f + e · w_f + b_f
 *
 * where e are the image's features: class-wise attention, as in Query2Label (Liu et al. 2021, arXiv 2107.10834), without its decoder.
 *
 * @param p the parameters of `initHead`
 */
export function findingHead(p: TensorTree, config: HeadConfig, { patches, embed }: HeadInputs): HeadResult {
  const x = t.add(layerNormLayer(p, 'norm', patches, eps), param(p, 'position')); // [B, P, D]
  const keys = linearLayer(p, 'key', x); // [B, P, d]
  const scores = t.mul(t.matmul(keys, param(p, 'query'), { transposeB: true }), config.width ** -0.5); // [B, P, F]
  const attention = t.softmax(t.transpose(scores, [0, 2, 1])); // [B, F, P]
  const seen = t.matmul(attention, t.gelu(linearLayer(p, 'value', x))); // [B, F, d]
  const local = t.sum(t.mul(seen, param(p, 'out')), [2]); // [B, F]
  const logits = t.add(local, linearLayer(p, 'embed', embed));
  return { logits, attention, seen };
}
