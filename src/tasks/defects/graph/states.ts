import { div, l2Normalize, matmul, reshape, sigmoid, slice, sub, type Tensor } from '../../../tensor/index.js';

/**
 * How much features look damaged rather than sound: the second part of softmax(cos(f, t) / temperature) over both texts.
 *
 * @param features [..., E], of any length
 * @param texts unit features of sound and damaged [2, E]
 * @returns [..., 1]
 */
export function stateProbability(features: Tensor, texts: Tensor, temperature: number): Tensor {
  const cosines = matmul(l2Normalize(features), texts, { transposeB: true }); // [..., 2]
  const sound = slice(cosines, -1, 0, 1);
  const damaged = slice(cosines, -1, 1, 2);
  return sigmoid(div(sub(damaged, sound), temperature));
}

/** {@link stateProbability} of patch tokens [N, P, E] → [N, P]. */
export function patchProbability(tokens: Tensor, texts: Tensor, temperature: number): Tensor {
  return reshape(stateProbability(tokens, texts, temperature), [tokens.shape[0]!, tokens.shape[1]!]);
}
