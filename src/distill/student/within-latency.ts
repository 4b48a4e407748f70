import { clipPreprocess, initClip } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { imageLatency } from '../../evaluate/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { type AdaptOptions, configAt, type StudentWish } from '../adapt-recipe.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { parametersOf, studentShares } from './student-size.js';

/**
 * A wish with a limit of latency as a limit of parameters: those of the largest student whose vision tower, timed here with
 * random weights on one image, is no slower. Another machine, or a busy one, may choose another student.
 *
 * @param maxLatency ms
 * @throws UserError where even the smallest student is slower
 */
export async function withinLatency(
  maxLatency: number,
  recipe: DistillRecipe,
  { wish = {}, teacher, given = {} }: Pick<AdaptOptions, 'wish' | 'given'> & { readonly teacher: Teacher },
  options: Pick<CompileOptions, 'device' | 'threads'> = {},
): Promise<StudentWish> {
  const configOf = (share: number) => configAt(share, recipe, teacher.config, given);
  const time = async (share: number) => {
    const config = configOf(share);
    const model = { config, params: initClip(config, 0), preprocess: clipPreprocess(config.vision_config.image_size) };
    const { medianMs } = await imageLatency(
      { ...model, tokenizer: teacher.tokenizer },
      { ...options, runs: 15, warmUp: 5 },
    );
    return medianMs;
  };
  const least = await time(studentShares[0]!);
  if (least > maxLatency) {
    throw new UserError(
      `--max-latency: expected at least ${least.toPrecision(2)} ms, what the smallest student takes here, got ${maxLatency} ms`,
    );
  }
  // Larger shares are slower: halved until one is left.
  let [fits, slow] = [0, studentShares.length];
  while (slow - fits > 1) {
    const middle = (fits + slow) >> 1;
    if ((await time(studentShares[middle]!)) <= maxLatency) fits = middle;
    else slow = middle;
  }
  const parameters = Math.ceil(headroom * parametersOf(configOf(studentShares[fits]!)));
  return { ...wish, maxParameters: Math.min(parameters, wish.maxParameters ?? Number.POSITIVE_INFINITY) };
}

/** Prompts and their encoder come on top of a student, as `adaptRecipe` counts them. */
const headroom = 1.1;
