import {
  add,
  argMax,
  cast,
  concat,
  constant,
  exp,
  gatherRows,
  greater,
  log,
  matmul,
  mul,
  neg,
  reshape,
  slice,
  sub,
  sum,
  type Tensor,
  where,
} from '../tensor/index.js';
import type { TaskKeys } from './bank.js';

/** Scores of tasks that are out of question, and of none: real ones lie far above. */
const [out, none] = [-1e9, -1e8];

/** Where images are routed to. */
export interface Routes {
  /** Index of the task [B] int32; as many as there are tasks: none. */
  readonly task: Tensor;
  /** [B, T], −1e9 where a threshold is not reached */
  readonly scores: Tensor;
}

/**
 * Which task each image belongs to, by its own features alone: no image's answer depends on those beside it.
 *
 *     score(t) = s · max_k cos(q, centroid_k) + log Σ_c exp(s · cos(q, text_c))
 *
 * over the task's K centroids (S-Prompts, arXiv 2207.12819) and its class names (text prototypes), s the student's factor on
 * cosines. Tasks whose nearest centroid or nearest class is below their threshold do not count; where none is left, none is
 * taken. The highest score wins, the first of equals.
 *
 * @param queries the frozen student's image features [B, P], of unit length
 * @param tasks at least one
 * @param factor s
 */
export function routeImages(queries: Tensor, tasks: readonly TaskKeys[], factor: number): Routes {
  const columns = tasks.map(({ centroids, texts, threshold }) => {
    const images = largest(matmul(queries, constant(centroids), { transposeB: true })); // [B, 1]
    const cosines = matmul(queries, constant(texts), { transposeB: true }); // [B, C]
    const words = largest(cosines); // [B, 1]
    const above = sub(mul(cosines, factor), mul(words, factor));
    const mass = add(mul(words, factor), log(sum(exp(above), [-1], true))); // [B, 1]
    const known = greater(mul(atLeast(images, threshold.image), atLeast(words, threshold.text)), 0.5);
    return where(known, add(mul(images, factor), mass), out);
  });
  const scores = concat(columns, 1); // [B, T]
  const all = concat([scores, add(mul(slice(scores, 1, 0, 1), 0), none)], 1); // [B, T + 1]
  return { task: argMax(all), scores };
}

/** 1 where x ≥ threshold, else 0. */
const atLeast = (x: Tensor, threshold: number): Tensor => sub(1, cast(greater(neg(x), -threshold), 'float32'));

/** The largest of each row [B, N] → [B, 1]. */
const largest = (x: Tensor): Tensor => gatherRows(reshape(x, [x.shape[0]!, x.shape[1]!, 1]), argMax(x));
