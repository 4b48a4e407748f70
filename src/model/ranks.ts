import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import { shardAxis } from '../nn/index.js';
import { type CompileOptions, rankDevices } from '../runtime/index.js';

/** The towers of a model whose blocks are split. */
type SplitTowers = Partial<Pick<ClipConfig, 'vision_config' | 'text_config'>>;

/**
 * Over how many ranks a model's blocks are to be split.
 *
 * @param whose role the model has, for the message
 * @param more other sizes that are split, by field
 * @throws UserError where heads, hidden units or one of `more` do not divide, or the device does not take so many
 */
export function ranksFor(
  whose: 'student' | 'teacher' | 'model',
  config: SplitTowers,
  { ranks = 1, device = 'cpu' }: CompileOptions = {},
  more: Readonly<Record<string, number>> = {},
): number {
  rankDevices(device, ranks);
  const sizes: Record<string, number> = { ...more };
  for (const tower of ['vision_config', 'text_config'] as const) {
    for (const size of ['num_attention_heads', 'intermediate_size'] as const) {
      const found = config[tower]?.[size];
      if (found !== undefined) sizes[`the ${whose}'s ${tower}.${size}`] = found;
    }
  }
  for (const [name, size] of Object.entries(sizes)) {
    if (size % ranks !== 0) throw new UserError(`--tensor-parallel ${ranks}: expected a divisor of ${name}, ${size}`);
  }
  return ranks;
}

/**
 * How a task's inputs are split: a tower's `student/NAME` (or `teacher/`, `model/`). Every rank has the whole of the rest:
 * prompts, their encoder, a projector.
 */
export function taskShards(name: string): number | undefined {
  const own = /^(?:student|teacher|model)\/(.*)/.exec(name)?.[1];
  return own === undefined ? undefined : shardAxis(own);
}
