import { encoder, layerNormLayer, param, type TensorTree } from '../nn/index.js';
import { add, concat, constant, formatShape, gather, gatherRows, linear, repeatBatch, slice, type Tensor } from '../tensor/index.js';
import type { ClipConfig } from './config.js';
import type { TowerResult } from './tower.js';

export interface TextOptions {
  /**
   * Deep prompts, one a prompted layer: [n, D] shared by all texts or [N, n, D] one set a text. They stand after the
   * start token. The first replaces those token embeddings (`insert: false`, as CoOp's learned context) or moves the
   * text behind them (`insert: true`); the others replace those positions at the input of their layer.
   */
  readonly prompts?: readonly Tensor[];
  readonly insert?: boolean;
}

/**
 * CLIP's text Transformer (Radford et al. 2021): token ids [N, L] int32 → features.
 *
 * `ends` [N] int32 is the position of the end token in `ids`; with inserted prompts it is moved here.
 */
export function textTower(p: TensorTree, config: ClipConfig, ids: Tensor, ends: Tensor, options: TextOptions = {}): TowerResult {
  const text = config.text_config;
  const prompts = options.prompts ?? [];
  if (ids.rank !== 2 || ids.dtype !== 'int32') throw new Error(`textTower: expected ids [N, L] int32, got ${ids.dtype} ${formatShape(ids.shape)}`);
  if (prompts.length > text.num_hidden_layers) {
    throw new Error(`textTower: ${prompts.length} prompted layers, but the tower has ${text.num_hidden_layers}`);
  }
  const count = (prompts[0]?.shape.at(-2) as number | undefined) ?? 0;
  const place = (x: Tensor, prompt: Tensor, skip: number) => {
    const each = prompt.rank === 2 ? repeatBatch(prompt, x) : prompt;
    return concat([slice(x, 1, 0, 1), each, slice(x, 1, 1 + skip)], 1);
  };
  const embedded = gather(param(p, 'text_model.embeddings.token_embedding.weight'), ids); // [N, L, D]
  const start = prompts[0] ? place(embedded, prompts[0], options.insert ? 0 : count) : embedded;
  const length = start.shape[1] as number;
  if (length > text.max_position_embeddings) {
    throw new Error(`textTower: ${length} tokens with prompts, but the model has ${text.max_position_embeddings} positions; shorten the texts`);
  }
  const positions = slice(param(p, 'text_model.embeddings.position_embedding.weight'), 0, 0, length);
  const eps = text.layer_norm_eps;
  const result = encoder(
    p,
    'text_model.encoder',
    add(start, positions),
    text.num_hidden_layers,
    { heads: text.num_attention_heads, activation: text.hidden_act, eps, mask: causalMask(length) },
    (layer, x) => (layer > 0 && prompts[layer] ? place(x, prompts[layer], count) : x),
  );
  const moved = options.insert && count > 0 ? add(ends, constant({ shape: [], data: Int32Array.of(count) })) : ends;
  const project = (x: Tensor) => linear(layerNormLayer(p, 'text_model.final_layer_norm', x, eps), param(p, 'text_projection.weight'));
  return {
    embed: project(gatherRows(result.output, moved)),
    hidden: result.hidden,
    attention: result.attention,
    tokenEmbeds: () => project(result.output),
  };
}

/** [T, T]: 0 where a token may look (itself and before), a large negative number elsewhere. */
function causalMask(length: number): Tensor {
  const data = new Float32Array(length * length);
  // −1e9 rather than −∞: a row never becomes NaN, and exp() of it is exactly 0 all the same.
  for (let i = 0; i < length; i++) data.fill(-1e9, i * length + i + 1, (i + 1) * length);
  return constant({ shape: [length, length], data });
}
