import { clipLogits } from '../clip/index.js';
import {
  add,
  div,
  formatShape,
  logSoftmax,
  maximum,
  mean,
  mul,
  neg,
  sum,
  type Tensor,
  transpose,
} from '../tensor/index.js';

/**
 * CLIP's symmetric contrastive loss (Radford et al. 2021, figure 3), where several texts may match an image.
 *
 *     z = exp(logit_scale) · cos(image, text)
 *     L = ½ [ −mean_i Σ_j P_ij log softmax_j(z_ij)  −  mean_j Σ_i Q_ji log softmax_i(z_ij) ]
 *
 * P is the match matrix with its rows divided by their sums, Q its transpose treated alike: all matches of an
 * image (of a text) share its probability. With one text an image it is CLIP's loss. `smoothing` ε mixes in the
 * uniform distribution: P ← (1 − ε) P + ε / N.
 *
 * @param imageEmbeds [B, D], not normalised
 * @param textEmbeds [N, D], not normalised
 * @param logitScale [] natural logarithm of the scale
 * @param matches [B, N] float32, 1 where the text describes the image
 * @returns [] mean loss
 * @throws Error for shapes that do not fit
 */
export function contrastiveLoss(
  imageEmbeds: Tensor,
  textEmbeds: Tensor,
  logitScale: Tensor,
  matches: Tensor,
  smoothing = 0,
): Tensor {
  const [images, texts] = [imageEmbeds.shape[0], textEmbeds.shape[0]];
  if (matches.rank !== 2 || matches.shape[0] !== images || matches.shape[1] !== texts) {
    throw new Error(
      `contrastiveLoss: expected matches [B, N] = [${images}, ${texts}], got ${formatShape(matches.shape)}`,
    );
  }
  const logits = clipLogits(imageEmbeds, textEmbeds, logitScale); // [B, N]
  const toTexts = softCrossEntropy(logits, matches, smoothing);
  const toImages = softCrossEntropy(transpose(logits), transpose(matches), smoothing);
  return mul(add(toTexts, toImages), 0.5);
}

/** −mean_i Σ_j P_ij log softmax(z)_ij, P = rows of `matches` [B, N] divided by their sums (rows without a match: zero). */
function softCrossEntropy(logits: Tensor, matches: Tensor, smoothing: number): Tensor {
  const share = div(matches, maximum(sum(matches, [1], true), 1)); // [B, N]
  const classes = matches.shape[1] as number;
  const targets = smoothing === 0 ? share : add(mul(share, 1 - smoothing), smoothing / classes);
  return neg(mean(sum(mul(targets, logSoftmax(logits)), [1])));
}
