import { add, recomputed, type Tensor } from '../tensor/index.js';
import { type AttentionOptions, type Prefix, selfAttention } from './attention.js';
import { type Activation, layerNormLayer, mlp } from './layers.js';
import type { TensorTree } from './params.js';

export interface BlockOptions extends Pick<AttentionOptions, 'mask' | 'prefix' | 'queries' | 'ranks'> {
  readonly heads: number;
  readonly activation: Activation;
  readonly eps: number;
}

/**
 * Pre-norm Transformer block: x + attention(norm1(x)), then + mlp(norm2(·)). x [B, T, D]; names as Hugging Face's
 * CLIPEncoderLayer. With `queries`, taken from x, the block is computed for those tokens alone.
 */
export function transformerBlock(
  p: TensorTree,
  name: string,
  x: Tensor,
  options: BlockOptions,
): { output: Tensor; weights: Tensor } {
  const { heads, activation, eps, mask, prefix, queries, ranks } = options;
  const normalized = (tokens: Tensor) => layerNormLayer(p, `${name}.layer_norm1`, tokens, eps);
  const attended = selfAttention(p, `${name}.self_attn`, normalized(x), heads, {
    mask,
    prefix,
    ranks,
    queries: queries && normalized(queries),
  });
  const middle = add(queries ?? x, attended.output);
  const normal = layerNormLayer(p, `${name}.layer_norm2`, middle, eps);
  const output = add(middle, mlp(p, `${name}.mlp`, normal, activation, ranks));
  return { output, weights: attended.weights };
}

export interface EncoderResult {
  readonly output: Tensor;
  /** Input of the first block, then the output of each: layers + 1 tensors [B, T, D]. */
  readonly hidden: Tensor[];
  /** Attention map of each block [B, H, T, T]. */
  readonly attention: Tensor[];
}

export interface EncoderOptions extends Omit<BlockOptions, 'prefix' | 'queries'> {
  /** Constant keys and values a layer. */
  readonly prefixes?: readonly (Prefix | undefined)[];
  /** The tokens that are wanted of the last block, picked from its input, and the mask of their scores. */
  readonly last?: { readonly pick: (x: Tensor) => Tensor; readonly mask?: Tensor };
  /** Keep only each block's input for the backward pass and compute the rest again there: less memory, more time. */
  readonly recompute?: boolean;
}

/** A stack of blocks `name.layers.N`; `before(layer, x)` may change a block's input (deep prompts do). */
export function encoder(
  p: TensorTree,
  name: string,
  x: Tensor,
  layers: number,
  { prefixes, last, recompute = false, ...options }: EncoderOptions,
  before: (layer: number, x: Tensor) => Tensor = (_, input) => input,
): EncoderResult {
  const hidden: Tensor[] = [];
  const attention: Tensor[] = [];
  let current = x;
  for (let layer = 0; layer < layers; layer++) {
    current = before(layer, current);
    hidden.push(current);
    const picked = last && layer === layers - 1 ? { queries: last.pick(current), mask: last.mask } : {};
    const block = (x: Tensor): [Tensor, Tensor] => {
      const own = { ...options, prefix: prefixes?.[layer], ...picked };
      const { output, weights } = transformerBlock(p, `${name}.layers.${layer}`, x, own);
      return [output, weights];
    };
    const [output, weights] = recompute ? recomputed(current, block) : block(current);
    attention.push(weights!);
    current = output!;
  }
  hidden.push(current);
  return { output: current, hidden, attention };
}
