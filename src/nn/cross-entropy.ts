import { gatherRows, logSoftmax, mean, neg, reshape, type Tensor } from '../tensor/index.js';

/** −mean_b log softmax(z)_b,label(b): logits z [B, N] against labels [B] int32. */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [batch, classes] = logits.shape;
  return neg(mean(gatherRows(reshape(logSoftmax(logits), [batch!, classes!, 1]), labels)));
}
