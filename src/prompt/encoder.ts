import { encoder, FreshParams, layerNormLayer, linearLayer, type Params, param, type TensorTree } from '../nn/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';

/** Shape of a prompt encoder. Widths and layers of the towers are the student's. */
export interface PromptEncoderConfig {
  /** Width of the encoder's own Transformer. */
  width: number;
  layers: number;
  heads: number;
  intermediate_size: number;
  vocab_size: number;
  /** Longest text, in tokens. */
  max_length: number;
  /** Prompt vectors a layer. */
  n_ctx: number;
  /** Prompted layers of each tower, from the first; 0 leaves a tower without prompts. */
  text_layers: number;
  vision_layers: number;
  text_width: number;
  vision_width: number;
  /** Width of a token embedding borrowed from the student's text tower and projected down; left out: the encoder has its own. */
  shared_embedding_width?: number;
}

const EPS = 1e-5;

/**
 * Random parameters of a prompt encoder.
 *
 * The heads start small (standard deviation 0.02 over √width), so that every layer gets a gradient from the first step. That
 * is no neutral start: the norm in front of each layer brings even nearly empty prompts to full size.
 */
export function initPromptEncoder(config: PromptEncoderConfig, seed: number): Params {
  const { width } = config;
  const fresh = new FreshParams(seed, 'prompt-encoder');

  if (config.shared_embedding_width === undefined)
    fresh.normal('token_embedding.weight', [config.vocab_size, width], 0.02);
  else
    fresh.normal(
      'token_projection.weight',
      [width, config.shared_embedding_width],
      config.shared_embedding_width ** -0.5,
    );
  fresh.normal('position_embedding.weight', [config.max_length, width], 0.01);
  const depthScale = (2 * config.layers) ** -0.5;
  for (let l = 0; l < config.layers; l++) {
    const layer = `encoder.layers.${l}`;
    fresh.norm(`${layer}.layer_norm1`, width);
    fresh.norm(`${layer}.layer_norm2`, width);
    for (const part of ['q_proj', 'k_proj', 'v_proj'])
      fresh.dense(`${layer}.self_attn.${part}`, width, width, width ** -0.5);
    fresh.dense(`${layer}.self_attn.out_proj`, width, width, width ** -0.5 * depthScale);
    fresh.dense(`${layer}.mlp.fc1`, width, config.intermediate_size, (2 * width) ** -0.5);
    fresh.dense(`${layer}.mlp.fc2`, config.intermediate_size, width, config.intermediate_size ** -0.5 * depthScale);
  }
  fresh.norm('final_layer_norm', width);
  const head = 0.02 * width ** -0.5;
  for (let l = 0; l < config.text_layers; l++)
    fresh.dense(`text_heads.${l}`, width, config.n_ctx * config.text_width, head);
  for (let l = 0; l < config.vision_layers; l++)
    fresh.dense(`vision_heads.${l}`, width, config.n_ctx * config.vision_width, head);
  return fresh.params;
}

/**
 * Texts read by the prompt encoder: token embedding, Transformer over all tokens (padding is not looked at), and the
 * mean over a text's tokens.
 *
 * @param p the encoder's parameters
 * @param ids [N, L] int32
 * @param ends [N] int32, position of the end token; what follows is padding
 * @param embedding the student's token embedding [V, E], of a factorised one its rows, where the encoder shares it
 * @returns one vector a text [N, width]
 * @throws Error naming a parameter that is missing
 */
export function encodePromptTexts(
  p: TensorTree,
  config: PromptEncoderConfig,
  ids: Tensor,
  ends: Tensor,
  embedding?: Tensor,
): Tensor {
  const [count, length] = ids.shape as [t.Dim, t.Dim];
  const mask = tokenMask(ends, ids); // [N, L]
  const words = embedding
    ? t.linear(t.gather(embedding, ids), param(p, 'token_projection.weight'))
    : t.gather(param(p, 'token_embedding.weight'), ids); // [N, L, W]
  const positions = t.firstRows(param(p, 'position_embedding.weight'), ids, 1);
  const bias = t.reshape(t.mul(t.sub(1, mask), -1e9), [count, 1, 1, length]);
  const { output } = encoder(p, 'encoder', t.add(words, positions), config.layers, {
    heads: config.heads,
    activation: 'quick_gelu',
    eps: EPS,
    mask: bias,
  });
  const weights = t.div(mask, t.sum(mask, [-1], true)); // [N, L], rows sum to 1
  const pooled = t.matmul(t.reshape(weights, [count, 1, length]), output); // [N, 1, W]
  return layerNormLayer(p, 'final_layer_norm', t.reshape(pooled, [count, config.width]), EPS);
}

/** 1 for a token up to and with the end token, 0 for padding: ends [N] and tokens [N, L, ...] → [N, L]. */
export function tokenMask(ends: Tensor, tokens: Tensor): Tensor {
  const padding = t.greater(t.positions(tokens, 1), t.reshape(ends, [ends.shape[0]!, 1]));
  return t.sub(1, t.cast(padding, 'float32'));
}

/**
 * Prompts for the text tower, one set a text.
 *
 * @param texts [N, width] from {@link encodePromptTexts}
 * @returns one tensor [N, n_ctx, text_width] a prompted layer
 */
export function textPrompts(p: TensorTree, config: PromptEncoderConfig, texts: Tensor): Tensor[] {
  return Array.from({ length: config.text_layers }, (_, l) =>
    t.reshape(linearLayer(p, `text_heads.${l}`, texts), [texts.shape[0]!, config.n_ctx, config.text_width]),
  );
}

/**
 * Prompts for the vision tower, one set for the whole task: from the mean over the task's texts, so that an image is
 * encoded once whatever the number of classes.
 *
 * @param texts [N, width] from {@link encodePromptTexts}: the class names' texts
 * @returns one tensor [n_ctx, vision_width] a prompted layer
 */
export function visionPrompts(p: TensorTree, config: PromptEncoderConfig, texts: Tensor): Tensor[] {
  if (config.vision_layers === 0) return [];
  const task = t.mean(texts, [0], true); // [1, W]
  return Array.from({ length: config.vision_layers }, (_, l) =>
    t.reshape(linearLayer(p, `vision_heads.${l}`, task), [config.n_ctx, config.vision_width]),
  );
}

/** How many numbers a parameter tree holds. */
export function countParameters(params: Readonly<Record<string, HostTensor>>): number {
  return Object.values(params).reduce((sum, p) => sum + p.data.length, 0);
}
