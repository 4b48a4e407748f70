import { add, matmul, mul, reshape, softmax, type Tensor, transpose } from '../tensor/index.js';
import { linearLayer } from './layers.js';
import type { TensorTree } from './params.js';

export interface AttentionResult {
  readonly output: Tensor; // [B, T, D]
  readonly weights: Tensor; // [B, H, T, T], rows sum to 1
}

/**
 * Multi-head self-attention (Vaswani et al. 2017): softmax(Q Kᵀ / √d + mask) V, then the output projection.
 *
 * x [B, T, D]; parameters `name.{q,k,v,out}_proj`; `mask` broadcasts to [B, H, T, T] and is added to the scores.
 */
export function selfAttention(p: TensorTree, name: string, x: Tensor, heads: number, mask?: Tensor): AttentionResult {
  const [batch, tokens, width] = x.shape as [number | string, number, number];
  const size = width / heads;
  const split = (t: Tensor) => transpose(reshape(t, [batch, tokens, heads, size]), [0, 2, 1, 3]); // [B, H, T, d]
  // Scaling the small query is cheaper than scaling T × T scores.
  const query = split(mul(linearLayer(p, `${name}.q_proj`, x), size ** -0.5));
  const key = split(linearLayer(p, `${name}.k_proj`, x));
  const value = split(linearLayer(p, `${name}.v_proj`, x));
  const scores = matmul(query, key, { transposeB: true }); // [B, H, T, T]
  const weights = softmax(mask ? add(scores, mask) : scores);
  const mixed = reshape(transpose(matmul(weights, value), [0, 2, 1, 3]), [batch, tokens, width]);
  return { output: linearLayer(p, `${name}.out_proj`, mixed), weights };
}
