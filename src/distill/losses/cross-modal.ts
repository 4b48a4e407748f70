import { intoRanks } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** Added to the scores of padding, so that softmax gives it nothing. */
const NEVER = -1e9;

/** 0 where a text token counts and a very negative number where it is padding. [B, L] → [B, 1, L] */
function keyBias(mask: Tensor): Tensor {
  const [batch, length] = mask.shape as number[];
  return t.reshape(t.mul(t.sub(1, mask), NEVER), [batch!, 1, length!]);
}

/**
 * The axis along which the losses' own matrices are split over ranks (`shardAxis` is the towers'): W_q and W_k by their
 * columns, which are what the map's scores are sums over.
 */
export function crossShardAxis(name: string): 1 | undefined {
  return name === 'cross.query' || name === 'cross.key' ? 1 : undefined;
}

/**
 * The student's cross-modal map: attention of an image's patches over the tokens of its text,
 * softmax((V W_q)(X W_k)ᵀ / √d).
 *
 * @param patches V [B, P, D_v], without class token and prompts
 * @param words X [B, L, D_x], without prompts
 * @param mask [B, L]: 1 a token, 0 padding
 * @param query W_q [D_v, d / ranks]
 * @param key W_k [D_x, d / ranks]
 * @param ranks N: each has d / N of the columns, and the scores are summed over the ranks before the softmax
 * @returns [B, P, L]
 */
export function studentCrossMap(
  patches: Tensor,
  words: Tensor,
  mask: Tensor,
  query: Tensor,
  key: Tensor,
  ranks = 1,
): Tensor {
  const d = (query.shape[1] as number) * ranks;
  const queries = t.matmul(intoRanks(patches, ranks), query, { full: true }); // [B, P, d / N]
  const keys = t.matmul(intoRanks(words, ranks), key, { full: true }); // [B, L, d / N]
  const own = t.matmul(queries, keys, { transposeB: true, full: true });
  const scores = ranks > 1 ? t.sumOverRanks(own) : own; // [B, P, L]
  return t.softmax(t.add(t.mul(scores, 1 / Math.sqrt(d)), keyBias(mask)));
}

/**
 * The teacher's cross-modal map: softmax(cos(v_p, x_l) / τ) of patches and tokens in the joint space.
 *
 * @param patches [B, P, J]: patch tokens after the last layer norm and the visual projection
 * @param words [B, L, J]: text tokens after theirs
 * @param mask [B, L]
 * @param temperature τ: 1 is the plain softmax of cosines, whose rows are all nearly even; smaller is sharper
 * @returns [B, P, L], without gradient
 */
export function teacherCrossMap(patches: Tensor, words: Tensor, mask: Tensor, temperature: number): Tensor {
  const cosines = t.matmul(t.l2Normalize(patches), t.l2Normalize(words), { transposeB: true, full: true }); // [B, P, L]
  return t.stopGradient(t.softmax(t.add(t.mul(cosines, 1 / temperature), keyBias(mask))));
}

/** Element-wise MSE between the two cross-modal maps [B, P, L]. */
export function crossModalLoss(student: Tensor, teacher: Tensor): Tensor {
  return t.mean(t.square(t.sub(student, teacher)));
}
