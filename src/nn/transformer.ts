import { add, type Tensor } from '../tensor/index.js';
import { selfAttention } from './attention.js';
import { type Activation, layerNormLayer, mlp } from './layers.js';
import type { TensorTree } from './params.js';

export interface BlockOptions {
  readonly heads: number;
  readonly activation: Activation;
  readonly eps: number;
  readonly mask?: Tensor;
}

/** Pre-norm Transformer block: x + attention(norm1(x)), then + mlp(norm2(·)). x [B, T, D]; names as Hugging Face's CLIPEncoderLayer. */
export function transformerBlock(
  p: TensorTree,
  name: string,
  x: Tensor,
  options: BlockOptions,
): { output: Tensor; weights: Tensor } {
  const { heads, activation, eps, mask } = options;
  const attended = selfAttention(p, `${name}.self_attn`, layerNormLayer(p, `${name}.layer_norm1`, x, eps), heads, mask);
  const middle = add(x, attended.output);
  const output = add(middle, mlp(p, `${name}.mlp`, layerNormLayer(p, `${name}.layer_norm2`, middle, eps), activation));
  return { output, weights: attended.weights };
}

export interface EncoderResult {
  readonly output: Tensor;
  /** Input of the first block, then the output of each: layers + 1 tensors [B, T, D]. */
  readonly hidden: Tensor[];
  /** Attention map of each block [B, H, T, T]. */
  readonly attention: Tensor[];
}

/** A stack of blocks `name.layers.N`; `before(layer, x)` may change a block's input (deep prompts do). */
export function encoder(
  p: TensorTree,
  name: string,
  x: Tensor,
  layers: number,
  options: BlockOptions,
  before: (layer: number, x: Tensor) => Tensor = (_, input) => input,
): EncoderResult {
  const hidden: Tensor[] = [];
  const attention: Tensor[] = [];
  let current = x;
  for (let layer = 0; layer < layers; layer++) {
    current = before(layer, current);
    hidden.push(current);
    const block = transformerBlock(p, `${name}.layers.${layer}`, current, options);
    attention.push(block.weights);
    current = block.output;
  }
  hidden.push(current);
  return { output: current, hidden, attention };
}
