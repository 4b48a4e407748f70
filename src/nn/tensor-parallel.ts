import { add, copyToRanks, linear, sumOverRanks, type Tensor } from '../tensor/index.js';
import { param, type TensorTree } from './params.js';

/**
 * Tensor parallelism (Megatron-LM, Shoeybi et al., arXiv 1909.08053, section 3): each of N ranks has 1/N of the heads of
 * every attention and of the hidden units of every MLP. Its first products have their output columns split, its last one
 * its input rows; one sum over the ranks ends each half of a block in the forward pass, and begins it in the backward pass.
 *
 * @returns the axis along which a block's parameter is split over the ranks; undefined for one that every rank has whole
 */
export function shardAxis(name: string): 0 | 1 | undefined {
  if (/\.layers\.\d+\.(self_attn\.[qkv]_proj|mlp\.fc1)\.(weight|bias)$/.test(name)) return 0;
  return /\.layers\.\d+\.(self_attn\.out_proj|mlp\.fc2)\.weight$/.test(name) ? 1 : undefined;
}

/** The shape of one rank's part. */
export function shardShape(shape: readonly number[], axis: number | undefined, ranks: number): readonly number[] {
  return axis === undefined ? shape : shape.map((size, i) => (i === axis ? size / ranks : size));
}

/** The input of a split product, whole on every rank. */
export function intoRanks(x: Tensor, ranks: number): Tensor {
  return ranks > 1 ? copyToRanks(x) : x;
}

/** The last layer of a split pair, `name.weight` and `name.bias`: the bias is added once, to the sum. */
export function outOfRanks(p: TensorTree, name: string, x: Tensor, ranks: number): Tensor {
  const weight = param(p, `${name}.weight`);
  if (ranks === 1) return linear(x, weight, p[`${name}.bias`]);
  return add(sumOverRanks(linear(x, weight)), param(p, `${name}.bias`));
}
