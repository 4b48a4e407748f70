import { z } from 'zod';
import { precisions } from '../tensor/index.js';

/** Recipe fields about how a training step is computed, whatever is trained. */
export const engineFields = {
  /** Compute the blocks' inner values again in the backward pass instead of keeping them: less memory, a slower step. */
  recompute: z.boolean().default(false),
  /**
   * `mixed`: products in fp16, weights, norms, softmax and losses in fp32, with loss scaling; the frozen teacher's answers
   * are computed so, too. Slower on a CPU.
   */
  precision: z.enum(precisions).default('fp32'),
};
