import { z } from 'zod';
import { clipLogits } from '../../clip/index.js';
import { promptPenalty } from '../../prompt/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { answerDivergence, type ComparedLogits, comparedLogits, fixedScale } from './compared-logits.js';
import { fusedDivergence } from './fused-answers.js';
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
  build: ({ embeds, whole, logits, prompts, teacher, target, fused }, { temperature, lambda, both_ways }) => {
    if (fused) {
      const own = clipLogits(embeds.image, embeds.text, logits.scale);
      const loss = fusedDivergence(own, fused(temperature, both_ways), temperature);
      return whole(withPenalty(loss, prompts, lambda));
    }
    return whole(
      responseLoss(
        comparedLogits(
          { ...embeds, ...logits },
          { image: target('image'), text: target('text'), ...fixedScale(teacher.params) },
        ),
        prompts,
        { temperature, lambda, bothWays: both_ways },
      ),
    );
  },
});

/**
 * The prompt response loss: T² KL(softmax(z_t/T) ‖ softmax(z_s/T)) + λ ‖prompts‖².
 *
 * With `bothWays` the KL is the mean of the one over texts (classify an image) and the one over images
 * (find the image of a text): retrieval from text to image learns from the same logits.
 * The penalty is a mean over elements, so that λ means the same for any number of prompts.
 * Between two SigLIPs the answers are decisions for each pair, σ in place of the softmax: see {@link comparedLogits}.
 *
 * @param logits z_s and z_t [B, N]
 * @param prompts the student's prompts in use, any shapes; empty without prompts
 */
export function responseLoss(
  logits: ComparedLogits,
  prompts: readonly Tensor[],
  options: { temperature: number; lambda: number; bothWays?: boolean },
): Tensor {
  return withPenalty(answerDivergence(logits, options.temperature, options.bothWays ?? false), prompts, options.lambda);
}

function withPenalty(loss: Tensor, prompts: readonly Tensor[], lambda: number): Tensor {
  const penalty = lambda > 0 ? promptPenalty(prompts) : undefined;
  return penalty ? t.add(loss, t.mul(penalty, lambda)) : loss;
}
