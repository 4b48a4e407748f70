import {
  FreshParams,
  layerNormLayer,
  linearLayer,
  ParamShapes,
  type Params,
  param,
  type TensorTree,
  transformerBlock,
} from '../../../nn/index.js';
import type { Tensor } from '../../../tensor/index.js';
import * as t from '../../../tensor/index.js';
import type { HeadConfig } from './head-config.js';

const eps = 1e-5;

/** What a head reads. */
export interface HeadInputs {
  /** Patch tokens of the frozen model [B, P, D]. */
  readonly patches: Tensor;
  /** Question tokens of its text tower [B, L, J]. */
  readonly words: Tensor;
  /** [B, L]: 1 a token, 0 padding */
  readonly mask: Tensor;
  /** Answers as directions of the joint space, unit rows [A, J]: see `answerDirections`. */
  readonly answers: Tensor;
  /** [A] */
  readonly bias: Tensor;
}

export interface HeadResult {
  /** [B, A]; σ of one is the answer's accuracy as the head sees it. */
  readonly logits: Tensor;
  /** Of each layer where question tokens look, averaged over heads [B, L, P]. */
  readonly attention: readonly Tensor[];
}

/** Numbers in the parameters of a head, its answers' biases not among them. */
export function headSize({
  width: d,
  layers,
  intermediate_size: h,
  patches,
  vision_width: v,
  text_width: j,
}: HeadConfig): number {
  const dense = (from: number, to: number) => from * to + to;
  const layer = 4 * d + 4 * dense(d, d) + dense(d, h) + dense(h, d);
  const pool = 2 * d + dense(d, 1) + 3 * dense(d, d);
  const out = 6 * d + dense(3 * d, 2 * d) + dense(2 * d, j);
  return 2 * v + dense(v, d) + patches * d + 2 * j + dense(j, d) + layers * layer + pool + out;
}

/** Random parameters of a head; the same seed gives the same. */
export function initHead(config: HeadConfig, seed: number): Params {
  const fresh = new FreshParams(seed, 'vqa-head');
  drawHead(config, fresh);
  return fresh.params;
}

/** @throws UserError where parameters that were read are not a head's of this config */
export function checkHeadParams(config: HeadConfig, params: Params, where: string): void {
  const shapes = new ParamShapes();
  drawHead(config, shapes);
  shapes.check(params, where);
}

function drawHead(config: HeadConfig, fresh: FreshParams): void {
  const { width, intermediate_size: hidden } = config;
  fresh.norm('patches.norm', config.vision_width);
  fresh.dense('patches.proj', config.vision_width, width);
  fresh.normal('patches.position', [config.patches, width], 0.02);
  fresh.norm('words.norm', config.text_width);
  fresh.dense('words.proj', config.text_width, width);
  for (let l = 0; l < config.layers; l++) {
    const layer = `layers.${l}`;
    fresh.norm(`${layer}.layer_norm1`, width);
    fresh.norm(`${layer}.layer_norm2`, width);
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      fresh.dense(`${layer}.self_attn.${part}`, width, width);
    fresh.dense(`${layer}.mlp.fc1`, width, hidden);
    fresh.dense(`${layer}.mlp.fc2`, hidden, width);
  }
  fresh.norm('pool.norm', width);
  fresh.dense('pool.word', width, 1);
  for (const part of ['query', 'key', 'value']) fresh.dense(`pool.${part}`, width, width);
  fresh.norm('out.norm', 3 * width);
  fresh.dense('out.fc1', 3 * width, 2 * width);
  fresh.dense('out.fc2', 2 * width, config.text_width);
}

/**
 * The head: question tokens look at the image's patches in one or two cross-attention layers (pre-norm blocks), then both
 * are pooled by gates, and the answers are scored as texts.
 *
 *     s = Σ_l softmax(w · tanh x_l) x_l          the question, over its tokens
 *     g_p = σ(K v_p · Q s / √d)                  whether a patch counts for it
 *     v = Σ_p g_p V v_p / √P                     a sum, not a mean, so that things can be counted
 *     z_a = MLP([s, v, s ∘ v]) · â + b_a         â the answer's direction in the joint space
 *
 * @param p the parameters of `initHead`
 */
export function vqaHead(p: TensorTree, config: HeadConfig, inputs: HeadInputs): HeadResult {
  const { width, heads } = config;
  const [batch, length] = inputs.words.shape as [t.Dim, t.Dim];
  const shown = config.blind ? t.mul(inputs.patches, 0) : inputs.patches;
  const given = linearLayer(p, 'patches.proj', layerNormLayer(p, 'patches.norm', shown, eps));
  const patches = t.add(given, param(p, 'patches.position')); // [B, P, d]
  let words = linearLayer(p, 'words.proj', layerNormLayer(p, 'words.norm', inputs.words, eps)); // [B, L, d]
  const attention: Tensor[] = [];
  for (let l = 0; l < config.layers; l++) {
    const block = transformerBlock(p, `layers.${l}`, patches, { heads, activation: 'gelu', eps, queries: words });
    words = block.output;
    attention.push(t.mul(t.sum(block.weights, [1]), 1 / heads));
  }
  const read = layerNormLayer(p, 'pool.norm', words, eps);
  const scores = t.reshape(linearLayer(p, 'pool.word', t.tanh(read)), [batch, length]);
  const hidden = t.mul(t.sub(1, inputs.mask), -1e9); // padding gets nothing of the softmax
  const shares = t.reshape(t.softmax(t.add(scores, hidden)), [batch, 1, length]);
  const question = t.matmul(shares, read); // [B, 1, d]
  const asked = t.mul(linearLayer(p, 'pool.query', question), width ** -0.5);
  const gates = t.sigmoid(t.matmul(asked, linearLayer(p, 'pool.key', patches), { transposeB: true })); // [B, 1, P]
  const seen = t.mul(t.matmul(gates, linearLayer(p, 'pool.value', patches)), config.patches ** -0.5); // [B, 1, d]
  const both = t.reshape(t.concat([question, seen, t.mul(question, seen)], 2), [batch, 3 * width]);
  const answer = linearLayer(p, 'out.fc2', t.gelu(linearLayer(p, 'out.fc1', layerNormLayer(p, 'out.norm', both, eps))));
  const logits = t.add(t.matmul(answer, inputs.answers, { transposeB: true }), inputs.bias); // [B, A]
  return { logits, attention };
}
