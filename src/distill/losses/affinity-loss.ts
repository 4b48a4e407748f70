import { z } from 'zod';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { answerDivergence, type ComparedLogits, comparedLogits, fixedScale } from './compared-logits.js';
import { defineLoss, lossFields } from './loss.js';

/**
 * Affinity (relation) distillation: how much each image of a batch belongs to each image's caption, and the other way
 * round: see {@link affinityLoss}.
 *
 * It is near the response loss with `both_ways`, and differs in three things:
 * - texts: the B captions of the batch alone. Responses are over captions and classes, so that most of what they compare
 *   is which class an image has; affinities say how images and captions of one batch are related.
 * - temperature: the models' own logit scales, as in the paper; the student's learns with it. Responses are softened by
 *   T = 2 and multiplied by T², which weighs the wrong answers more. No prompt penalty is added.
 * - normalisation: both softmaxes are over B entries, the rows' and the columns' of one square matrix. Of responses one
 *   is over all N texts and the other over the B images, for the classes' columns too.
 */
export const affinity = defineLoss({
  name: 'affinity',
  label: 'Affinity',
  about: 'KL divergence of the affinities between the images and captions of a batch, both ways.',
  schema: z.object(lossFields(1, false)).prefault({}),
  coordination: 'none',
  requires: { captions: 'it compares the images of a batch with their captions' },
  build({ embeds, whole, captions, logits, teacher, target }) {
    const own = (texts: Tensor) => t.slice(texts, 0, 0, captions); // [B, P]
    return whole(
      affinityLoss(
        comparedLogits(
          { image: embeds.image, text: own(embeds.text), ...logits },
          { image: target('image'), text: own(target('text')), ...fixedScale(teacher.params) },
        ),
      ),
    );
  },
});

/**
 * Affinity mimicking (TinyCLIP, Wu et al., arXiv 2309.12314, eq. 2–3): with A_I2T the softmax of the logits over each
 * image's captions and A_T2I that over each caption's images,
 *
 *     (KL(A_I2T of the teacher ‖ the student's) + KL(A_T2I of the teacher ‖ the student's)) / 2.
 *
 * The paper has the cross-entropies, which are larger by the teacher's entropies: the gradients are the same, and this is
 * 0 where the affinities agree. CLIP-KD (Yang et al., arXiv 2307.12732) calls it contrastive relational distillation.
 * Between two SigLIPs it is the KL of the decisions for each pair: see {@link comparedLogits}.
 *
 * @param logits of images and captions [B, B], scaled; no gradient goes into the teacher's
 * @returns scalar
 */
export function affinityLoss(logits: ComparedLogits): Tensor {
  return answerDivergence(logits, 1, true);
}
