import { z } from 'zod';
import { clipLogits } from '../../clip/index.js';
import { klDivergence } from '../../nn/index.js';
import { promptPenalty } from '../../prompt/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { defineLoss, lossFields } from './loss.js';

/** The response to prompts: the student's logits over the step's captions and classes: see {@link responseLoss}. */
export const response = defineLoss({
  name: 'response',
  label: 'Response',
  about: 'KL divergence of the logits at temperature T.',
  schema: z
    .object({
      ...lossFields(1),
      /** T of both softmaxes. */
      temperature: z.number().positive().default(2),
      /** λ, the weight of the prompts' mean square. */
      lambda: z.number().min(0).default(0.01),
      /** Also the KL over the images of each text, for retrieval. */
      both_ways: z.boolean().default(true),
    })
    .prefault({}),
  coordination: 'none',
  build: ({ image, text, logitScale, prompts, teacher, target }, { temperature, lambda, both_ways }) =>
    responseLoss(
      clipLogits(image.embed, text.embed, logitScale),
      clipLogits(target('image'), target('text'), t.constant(teacher.params.logit_scale!)),
      prompts,
      { temperature, lambda, bothWays: both_ways },
    ),
});

/**
 * The prompt response loss: T² KL(softmax(z_t/T) ‖ softmax(z_s/T)) + λ ‖prompts‖².
 *
 * With `bothWays` the KL is the mean of the one over texts (classify an image) and the one over images
 * (find the image of a text): retrieval from text to image learns from the same logits.
 * The penalty is a mean over elements, so that λ means the same for any number of prompts.
 *
 * @param student logits z_s [B, N]
 * @param teacher logits z_t [B, N]
 * @param prompts the student's prompts in use, any shapes; empty without prompts
 */
export function responseLoss(
  student: Tensor,
  teacher: Tensor,
  prompts: readonly Tensor[],
  options: { temperature: number; lambda: number; bothWays?: boolean },
): Tensor {
  let loss = klDivergence(student, teacher, options.temperature);
  if (options.bothWays) {
    const back = klDivergence(t.transpose(student), t.transpose(teacher), options.temperature);
    loss = t.mul(t.add(loss, back), 0.5);
  }
  const penalty = options.lambda > 0 ? promptPenalty(prompts) : undefined;
  return penalty ? t.add(loss, t.mul(penalty, options.lambda)) : loss;
}
