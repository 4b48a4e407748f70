import { encoder, layerNormLayer, linearLayer, param, type TensorTree } from '../../nn/index.js';
import {
  add,
  cast,
  concat,
  constant,
  firstRows,
  formatShape,
  gatherRows,
  greater,
  linear,
  mul,
  positions,
  repeatBatch,
  reshape,
  slice,
  type Tensor,
} from '../../tensor/index.js';
import { type ClipConfig, isSiglip } from '../config.js';
import { embedTokens } from './token-table.js';
import type { TowerResult } from './tower.js';

/** Options of {@link textTower}. */
export interface TextOptions {
  /**
   * Deep prompts, one a prompted layer: [n, D] shared by all texts or [N, n, D] one set a text. They stand after the
   * start token. The first replaces those token embeddings (`insert: false`, as CoOp's learned context) or moves the
   * text behind them (`insert: true`); the others replace those positions at the input of their layer.
   */
  readonly prompts?: readonly Tensor[];
  readonly insert?: boolean;
  /** Compute the last block for the end tokens alone, which is faster; its hidden state and map are then of one token. */
  readonly pooledOnly?: boolean;
  /** Compute a block's inner values again in the backward pass instead of keeping them. */
  readonly recompute?: boolean;
  /** Over how many ranks the blocks are split (`compile` with `shards`). @defaultValue 1 */
  readonly ranks?: number;
}

/**
 * The text Transformer of CLIP (Radford et al. 2021) or SigLIP (Zhai et al., arXiv 2303.15343): token ids [N, L] int32 →
 * features.
 *
 * `ends` [N] int32 is the position of the end token in `ids`; with inserted prompts it is moved here. SigLIP's has no
 * causal mask and reads all positions, padding too, off the last one: `ends` is not looked at, L (with inserted prompts)
 * is its full length, and prompts stand in front, as it has no start token.
 *
 * @throws Error naming a parameter that is missing
 */
export function textTower(
  p: TensorTree,
  config: ClipConfig,
  ids: Tensor,
  ends: Tensor,
  options: TextOptions = {},
): TowerResult {
  const text = config.text_config;
  const prompts = options.prompts ?? [];
  if (ids.rank !== 2 || ids.dtype !== 'int32')
    throw new Error(`textTower: expected ids [N, L] int32, got ${ids.dtype} ${formatShape(ids.shape)}`);
  if (prompts.length > text.num_hidden_layers) {
    throw new Error(`textTower: ${prompts.length} prompted layers, but the tower has ${text.num_hidden_layers}`);
  }
  const siglip = isSiglip(config);
  const count = (prompts[0]?.shape.at(-2) as number | undefined) ?? 0;
  const place = (x: Tensor, prompt: Tensor, skip: number) => {
    const each = prompt.rank === 2 ? repeatBatch(prompt, x) : prompt;
    const rest = slice(x, 1, (siglip ? 0 : 1) + skip);
    return concat(siglip ? [each, rest] : [slice(x, 1, 0, 1), each, rest], 1);
  };
  const embedded = embedTokens(p, ids); // [N, L, D]
  const start = prompts[0] ? place(embedded, prompts[0], options.insert ? 0 : count) : embedded;
  const length = start.shape[1]!;
  if (typeof length === 'number' && length > text.max_position_embeddings) {
    throw new Error(
      `textTower: ${length} tokens with prompts, but the model has ${text.max_position_embeddings} positions; shorten the texts`,
    );
  }
  if (siglip && length !== text.max_position_embeddings) {
    throw new Error(
      `textTower: expected texts padded to SigLIP's ${text.max_position_embeddings} tokens, prompts included, got ${length}`,
    );
  }
  const table = param(p, 'text_model.embeddings.position_embedding.weight');
  const moved = options.insert && count > 0 ? add(ends, constant({ shape: [], data: Int32Array.of(count) })) : ends;
  const pick = (x: Tensor) =>
    siglip ? slice(x, 1, -1) : reshape(gatherRows(x, moved), [x.shape[0]!, 1, text.hidden_size]);
  const mask = (tokens: Tensor) => (siglip ? undefined : laterMask(tokens, start));
  const eps = text.layer_norm_eps;
  const result = encoder(
    p,
    'text_model.encoder',
    add(start, firstRows(table, start, 1)),
    text.num_hidden_layers,
    {
      heads: text.num_attention_heads,
      activation: text.hidden_act,
      eps,
      recompute: options.recompute,
      ranks: options.ranks,
      mask: mask(reshape(positions(start, 1), [length, 1])),
      last: options.pooledOnly ? { pick, mask: mask(reshape(moved, [ids.shape[0]!, 1, 1, 1])) } : undefined,
    },
    (layer, x) => (layer > 0 && prompts[layer] ? place(x, prompts[layer], count) : x),
  );
  const project = (x: Tensor) => {
    const normal = layerNormLayer(p, 'text_model.final_layer_norm', x, eps);
    return siglip ? linearLayer(p, 'text_model.head', normal) : linear(normal, param(p, 'text_projection.weight'));
  };
  const pooled = options.pooledOnly ? result.output : pick(result.output);
  return {
    embed: project(reshape(pooled, [ids.shape[0]!, text.hidden_size])),
    hidden: result.hidden,
    attention: result.attention,
    tokenEmbeds: () => project(result.output),
  };
}

/**
 * Texts as long as the tower reads them without prompts: SigLIP's, cut to leave room for some, go on with their last
 * token, which is padding. [N, L] → [N, L or the full length]
 */
export function fullTexts(ids: Tensor, config: ClipConfig): Tensor {
  const length = ids.shape[1] as number;
  const missing = isSiglip(config) ? config.text_config.max_position_embeddings - length : 0;
  return missing > 0 ? concat([ids, ...Array(missing).fill(slice(ids, 1, -1))], 1) : ids;
}

/** The causal mask: 0 where a token at `own` may look (itself and before), a large negative number after it. [..., T] */
function laterMask(own: Tensor, x: Tensor): Tensor {
  // −1e9 rather than −∞: a row never becomes NaN, and exp() of it is exactly 0 all the same.
  return mul(cast(greater(positions(x, 1), own), 'float32'), -1e9);
}
