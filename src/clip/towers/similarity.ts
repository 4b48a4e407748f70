import { add, exp, l2Normalize, matmul, mul, type Tensor } from '../../tensor/index.js';

/**
 * CLIP's logits: exp(logit_scale) · cos(image, text), and SigLIP's with its bias added.
 *
 * images [B, P], texts [N, P], logit_scale and bias [] or [1] → [B, N]
 */
export function clipLogits(images: Tensor, texts: Tensor, logitScale: Tensor, bias?: Tensor): Tensor {
  const logits = mul(
    matmul(l2Normalize(images), l2Normalize(texts), { transposeB: true, full: true }),
    exp(logitScale),
  );
  return bias ? add(logits, bias) : logits;
}
