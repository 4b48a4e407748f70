import { z } from 'zod';
import type { CompileOptions } from '../runtime/index.js';
import { precisions } from '../tensor/index.js';
import type { LoopOptions } from './loop.js';

/** Recipe fields about how training is computed, whatever is trained. */
export const engineFields = {
  /** Batches a step, of which losses and gradients are averaged: as one large batch, for the memory of a small one. */
  accumulate: z.int().positive().default(1),
  /** Decay of an exponential moving average (EMA) of the parameters, which becomes the result; left out: they do as they end. */
  ema: z.number().min(0).max(0.99999).optional(),
  /** Compute the blocks' inner values again in the backward pass instead of keeping them: less memory, a slower step. */
  recompute: z.boolean().default(false),
  /**
   * `mixed`: products in fp16, weights, norms, softmax and losses in fp32, with loss scaling; the frozen teacher's answers
   * are computed so, too. Slower on a CPU.
   */
  precision: z.enum(precisions).default('fp32'),
};

const engine = z.object(engineFields);

/** How training is computed: what {@link engineFields} say. */
export type EngineSettings = z.infer<typeof engine>;

/** What `train` is told of them. @param compile where the run computes */
export function engineOptions(
  { accumulate, ema, precision }: Partial<EngineSettings>,
  compile: CompileOptions = {},
): Pick<LoopOptions, 'accumulate' | 'ema' | 'compile'> {
  return { accumulate, ema, compile: { ...compile, precision } };
}
