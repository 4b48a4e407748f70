import { exp, l2Normalize, matmul, mul, type Tensor } from '../tensor/index.js';

/** CLIP's logits: exp(logit_scale) · cos(image, text). images [B, P], texts [N, P], logit_scale [] → [B, N]. */
export function clipLogits(images: Tensor, texts: Tensor, logitScale: Tensor): Tensor {
  return mul(matmul(l2Normalize(images), l2Normalize(texts), { transposeB: true, full: true }), exp(logitScale));
}
