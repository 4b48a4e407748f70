import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import { shardAxis } from '../nn/index.js';
import type { CompileOptions } from '../runtime/index.js';

/** Over how many ranks a model's blocks are to be split. @throws UserError where heads or hidden units do not divide */
export function ranksFor(config: ClipConfig, { ranks = 1 }: CompileOptions = {}): number {
  for (const tower of ['vision_config', 'text_config'] as const) {
    for (const size of ['num_attention_heads', 'intermediate_size'] as const) {
      if (config[tower][size] % ranks !== 0) {
        throw new UserError(
          `--tensor-parallel ${ranks}: expected a divisor of ${tower}.${size}, ${config[tower][size]}`,
        );
      }
    }
  }
  return ranks;
}

/** How a task's inputs and gradients are split: the student's alone, `student/NAME` and `PASS|student/NAME`. */
export function studentShards(name: string): number | undefined {
  return /(^|\|)student\//.test(name) ? shardAxis(name) : undefined;
}
