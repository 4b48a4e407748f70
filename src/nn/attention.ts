import {
  add,
  concat,
  type Dim,
  matmul,
  mul,
  repeatBatch,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor,
  transpose,
  withGradient,
} from '../tensor/index.js';
import { linearLayer } from './layers.js';
import type { TensorTree } from './params.js';
import { intoRanks, outOfRanks } from './tensor-parallel.js';

export interface AttentionResult {
  readonly output: Tensor; // [B, T, D]
  readonly weights: Tensor; // [B, H, Q, T + n], rows sum to 1
}

/** Constant keys and values, each [n, D], that all queries see beside the tokens' own (prefix tuning, Li and Liang 2021). */
export interface Prefix {
  readonly key: Tensor;
  readonly value: Tensor;
}

export interface AttentionOptions {
  /** Added to the scores; broadcasts to [B, H, Q, T + n]. */
  readonly mask?: Tensor;
  readonly prefix?: Prefix;
  /** Tokens [B, Q, D] that ask, where it is not all of `x`. */
  readonly queries?: Tensor;
  /** Over how many ranks the heads are split; the weights returned are then of a rank's own heads. @defaultValue 1 */
  readonly ranks?: number;
}

/**
 * Multi-head self-attention (Vaswani et al. 2017): softmax(Q Kᵀ / √d + mask) V, then the output projection.
 *
 * x [B, T, D]; parameters `name.{q,k,v,out}_proj`; without options Q = T and n = 0.
 */
export function selfAttention(
  p: TensorTree,
  name: string,
  x: Tensor,
  heads: number,
  { mask, prefix, queries, ranks = 1 }: AttentionOptions = {},
): AttentionResult {
  if (prefix && ranks > 1) throw new Error('selfAttention: constant keys and values are not split over ranks');
  const shared = intoRanks(x, ranks);
  const asks = queries ? intoRanks(queries, ranks) : shared;
  const [batch, asking, width] = asks.shape as [Dim, Dim, number];
  const size = width / heads;
  const own = heads / ranks;
  const split = (t: Tensor) => transpose(reshape(t, [batch, t.shape[1]!, own, size]), [0, 2, 1, 3]); // [B, H, ·, d]
  const withPrefix = (t: Tensor, more?: Tensor) => (more ? concat([t, repeatBatch(more, t)], 1) : t);
  // Scaling the small query is cheaper than scaling T × T scores.
  const query = split(mul(linearLayer(p, `${name}.q_proj`, asks), size ** -0.5));
  const key = split(withPrefix(linearLayer(p, `${name}.k_proj`, shared), prefix?.key));
  const value = split(withPrefix(linearLayer(p, `${name}.v_proj`, shared), prefix?.value));
  const scores = matmul(query, key, { transposeB: true }); // [B, H, Q, T + n]
  const { weights, mixed } = attend(mask ? add(scores, mask) : scores, value);
  const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [batch, asking, own * size]);
  return { output: outOfRanks(p, `${name}.out_proj`, joined, ranks), weights };
}

/**
 * P = softmax(scores) and O = P V. scores [B, H, Q, T], value [B, H, T, d] → P [B, H, Q, T], O [B, H, Q, d].
 *
 * The softmax's gradient P ∘ (dP − Σ_j P dP) needs the row sums of P ∘ dP, which are those of O ∘ dO (Dao et al. 2022,
 * FlashAttention, appendix B): d columns are read instead of T.
 */
function attend(scores: Tensor, value: Tensor): { weights: Tensor; mixed: Tensor } {
  const weights = softmax(scores);
  const product = matmul(weights, value);
  const mixed = withGradient(product, [scores, value], (dy) => {
    const dWeights = matmul(dy, value, { transposeB: true });
    const rowSums = sum(mul(dy, product), [-1], true); // [B, H, Q, 1]
    return [mul(weights, sub(dWeights, rowSums)), matmul(weights, dy, { transposeA: true })];
  });
  return { weights, mixed };
}
