import { clipLogits } from '../clip/index.js';
import { sigmoidCrossEntropy } from '../nn/index.js';
import { formatShape, type Tensor } from '../tensor/index.js';

/**
 * SigLIP's loss (Zhai et al., arXiv 2303.15343, equation 1): each pair of an image and a text is a decision of its own.
 *
 *     z = exp(logit_scale) · cos(image, text) + logit_bias
 *     L = −1/B Σ_i Σ_j ln σ(±z_ij),  + where text j describes image i, − where it does not
 *
 * A text that describes an image in part, as that of an image mixed with another, is taken as both in these parts.
 *
 * @param imageEmbeds [B, D], not normalised
 * @param textEmbeds [N, D], not normalised
 * @param logitScale [] or [1], natural logarithm of the scale
 * @param logitBias [] or [1]
 * @param matches [B, N] float32, 1 where the text describes the image
 * @returns [] a sum over the pairs, divided by the images
 * @throws Error for shapes that do not fit
 */
export function sigmoidContrastiveLoss(
  imageEmbeds: Tensor,
  textEmbeds: Tensor,
  logitScale: Tensor,
  logitBias: Tensor,
  matches: Tensor,
): Tensor {
  const [images, texts] = [imageEmbeds.shape[0], textEmbeds.shape[0]];
  if (matches.rank !== 2 || matches.shape[0] !== images || matches.shape[1] !== texts) {
    throw new Error(
      `sigmoidContrastiveLoss: expected matches [B, N] = [${images}, ${texts}], got ${formatShape(matches.shape)}`,
    );
  }
  return sigmoidCrossEntropy(clipLogits(imageEmbeds, textEmbeds, logitScale, logitBias), matches);
}
