import { encoder, layerNormLayer, type Prefix, param, type TensorTree } from '../../nn/index.js';
import {
  add,
  concat,
  formatShape,
  interpolateGrid,
  linear,
  repeatBatch,
  reshape,
  slice,
  type Tensor,
  transpose,
} from '../../tensor/index.js';
import { type ClipConfig, isSiglip } from '../config.js';
import { mapHead } from './map-head.js';
import type { VisionResult } from './tower.js';

/** Options of {@link visionTower}. */
export interface VisionOptions {
  /**
   * Deep visual prompts, one a prompted layer (VPT-deep, Jia et al. 2022): [n, D] shared by all images or [B, n, D] one set
   * an image. The first is appended after the patch tokens before `pre_layrnorm`, the others replace those positions at the
   * input of their layer. A layer without one lets those positions flow on.
   */
  readonly prompts?: readonly (Tensor | undefined)[];
  /** Constant keys and values a layer: what a deep prompt is to a layer whose prompt tokens the next one replaces. */
  readonly prefixes?: readonly (Prefix | undefined)[];
  /**
   * Compute the last block for the class token alone, which is faster; its hidden state and map are then of one token.
   * SigLIP's head reads all tokens: there it changes nothing.
   */
  readonly pooledOnly?: boolean;
  /**
   * Which of the embedded tokens the blocks read, before prompts are added to them: [B, N or 1 + N, D] → [B', T, D]. So
   * windows of an image are read each by itself: their tokens, with a class token each, on the batch axis.
   */
  readonly pick?: (tokens: Tensor) => Tensor;
  /** Side of the pixels, if not the config's; position embeddings are then interpolated to its grid, bilinearly. */
  readonly size?: number;
  /** Compute a block's inner values again in the backward pass instead of keeping them. */
  readonly recompute?: boolean;
  /** Over how many ranks the blocks are split (`compile` with `shards`). @defaultValue 1 */
  readonly ranks?: number;
}

/**
 * The Vision Transformer of CLIP (Radford et al. 2021) or SigLIP (Zhai et al., arXiv 2303.15343): pixels [B, C, S, S] →
 * features. Parameters named as Hugging Face's CLIPModel and SiglipModel.
 *
 * SigLIP's has no class token and no norm before its blocks; a head with attention pooling reads its patch tokens, the
 * prompts not among them.
 *
 * @throws Error naming a parameter that is missing
 */
export function visionTower(
  p: TensorTree,
  config: ClipConfig,
  pixels: Tensor,
  options: VisionOptions = {},
): VisionResult {
  const vision = options.size ? { ...config.vision_config, image_size: options.size } : config.vision_config;
  const prompts = options.prompts ?? [];
  const [, channels, height, breadth] = pixels.shape;
  if (
    pixels.rank !== 4 ||
    channels !== vision.num_channels ||
    height !== vision.image_size ||
    breadth !== vision.image_size
  ) {
    throw new Error(
      `visionTower: expected pixels [B, ${vision.num_channels}, ${vision.image_size}, ${vision.image_size}], got ${formatShape(pixels.shape)}`,
    );
  }
  if (prompts.length > vision.num_hidden_layers) {
    throw new Error(`visionTower: ${prompts.length} prompted layers, but the tower has ${vision.num_hidden_layers}`);
  }
  const siglip = isSiglip(config);
  const patches = patchEmbedding(p, vision, pixels); // [B, N, D]
  const all = add(
    siglip ? patches : concat([repeatBatch(classToken(p, vision), pixels), patches], 1),
    positionEmbeddings(p, config, vision.image_size),
  ); // [B, N or 1 + N, D]
  const tokens = options.pick ? options.pick(all) : all;
  const own = tokens.shape[1] as number;
  const like = options.pick ? tokens : pixels;
  const withPrompts = (x: Tensor, prompt: Tensor) =>
    concat([slice(x, 1, 0, own), prompt.rank === 3 ? prompt : repeatBatch(prompt, like)], 1);
  const embedded = prompts[0] ? withPrompts(tokens, prompts[0]) : tokens;
  const eps = vision.layer_norm_eps;
  const start = siglip ? embedded : layerNormLayer(p, 'vision_model.pre_layrnorm', embedded, eps);
  const result = encoder(
    p,
    'vision_model.encoder',
    start,
    vision.num_hidden_layers,
    {
      heads: vision.num_attention_heads,
      activation: vision.hidden_act,
      eps,
      prefixes: options.prefixes,
      recompute: options.recompute,
      ranks: options.ranks,
      last: options.pooledOnly && !siglip ? { pick: (x) => slice(x, 1, 0, 1) } : undefined,
    },
    (layer, x) => (layer > 0 && prompts[layer] ? withPrompts(x, prompts[layer]) : x),
  );
  const states = { hidden: result.hidden, attention: result.attention };
  const norm = (x: Tensor) => layerNormLayer(p, 'vision_model.post_layernorm', x, eps);
  if (siglip) {
    const head = mapHead(p, vision, norm(slice(result.output, 1, 0, own)));
    const project = (x: Tensor) => mapHead(p, vision, norm(x)).each();
    return { ...states, embed: head.pooled, tokenEmbeds: head.each, project };
  }
  const project = (x: Tensor) => linear(norm(x), param(p, 'visual_projection.weight'));
  const classFeatures = reshape(slice(result.output, 1, 0, 1), [tokens.shape[0]!, vision.hidden_size]);
  return {
    ...states,
    embed: project(classFeatures),
    tokenEmbeds: () => project(result.output),
    project,
  };
}

const classToken = (p: TensorTree, vision: ClipConfig['vision_config']): Tensor =>
  reshape(param(p, 'vision_model.embeddings.class_embedding'), [1, vision.hidden_size]);

/** Position embeddings [N or 1 + N, D] of the patch grid of images of a side; a class token's is the same on all grids. */
function positionEmbeddings(p: TensorTree, config: ClipConfig, size: number): Tensor {
  const table = param(p, 'vision_model.embeddings.position_embedding.weight');
  const { image_size: own, patch_size: patch, hidden_size: width } = config.vision_config;
  if (size === own) return table;
  const [from, to] = [own / patch, size / patch];
  const first = isSiglip(config) ? 0 : 1;
  const patches = reshape(slice(table, 0, first), [1, from * from, width]);
  const moved = reshape(interpolateGrid(patches, [from, from], [to, to]), [to * to, width]);
  return first === 0 ? moved : concat([slice(table, 0, 0, first), moved], 0);
}

/** Patch embedding: the strided convolution as one matrix product over cut-out patches, [B, C, S, S] → [B, N, D]. */
function patchEmbedding(p: TensorTree, vision: ClipConfig['vision_config'], pixels: Tensor): Tensor {
  const { patch_size: patch, image_size: size, num_channels: channels, hidden_size: width } = vision;
  const grid = size / patch;
  const batch = pixels.shape[0]!;
  const cut = transpose(reshape(pixels, [batch, channels, grid, patch, grid, patch]), [0, 2, 4, 1, 3, 5]);
  const weight = param(p, 'vision_model.embeddings.patch_embedding.weight'); // [D, C, P, P]
  return linear(
    reshape(cut, [batch, grid * grid, channels * patch * patch]),
    reshape(weight, [width, channels * patch * patch]),
    p['vision_model.embeddings.patch_embedding.bias'],
  );
}

/** Grid of patch tokens, rows and columns. */
export function patchGrid(config: ClipConfig): [number, number] {
  const side = config.vision_config.image_size / config.vision_config.patch_size;
  return [side, side];
}
