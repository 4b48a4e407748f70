import { z } from 'zod';
import { clipLogits } from '../../clip/index.js';
import { sigmoidCrossEntropy } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { LogitParts } from './compared-logits.js';
import { initFeatureMap } from './feature-loss.js';
import { defineLoss, lossFields } from './loss.js';

/**
 * Interactive contrastive learning: the student's images among the teacher's captions, and its captions among the
 * teacher's images: see {@link interactiveLoss}. Between joint spaces of different widths the student's embeddings go
 * through a learned M each, as in the paper. The logit scale is the student's own, which learns and is bounded.
 */
export const interactive = defineLoss({
  name: 'interactive',
  label: 'Interactive contrastive learning',
  about: 'Cross-entropy of the student’s images with the teacher’s captions, and the other way round.',
  schema: z.object(lossFields(1, false)).prefault({}),
  coordination: 'none',
  requires: { captions: 'it contrasts images with their captions' },
  heads({ student, teacher, random }) {
    const [from, to] = [student.projection_dim, teacher.projection_dim];
    const names = from === to ? [] : ['interactive.image', 'interactive.text'];
    return Object.fromEntries(names.map((name) => [name, initFeatureMap(from, to, random(name))]));
  },
  build({ embeds, whole, captions, logits, heads, target }) {
    const own = (texts: Tensor) => t.slice(texts, 0, 0, captions); // [B, P]
    const mapped = (x: Tensor, map?: Tensor) => (map ? t.matmul(x, map, { full: true }) : x);
    return whole(
      interactiveLoss(
        {
          image: mapped(embeds.image, heads['interactive.image']),
          text: mapped(own(embeds.text), heads['interactive.text']),
        },
        { image: target('image'), text: own(target('text')) },
        logits,
      ),
    );
  },
});

/** Embeddings of B images and of their captions, not normalised: [B, P] each. */
export interface PairedEmbeddings {
  readonly image: Tensor;
  readonly text: Tensor;
}

/** Cosines above it are of one and the same text: a stored embedding with itself gives 1 to about 1e-7. */
const SAME_TEXT = 1 - 1e-5;

/**
 * Interactive contrastive learning (CLIP-KD, Yang et al., arXiv 2307.12732): with cosines scaled by
 * exp(s), the mean of −log softmax over the teacher's captions at each student image's own, and over the teacher's images
 * at each student caption's own.
 *
 * Small data sets often have a caption twice in a batch, which the paper's do not: all images with the same caption are
 * then right answers, in equal parts.
 *
 * A SigLIP student, which has a bias, learns each pair by itself, by its family's own loss ({@link sigmoidCrossEntropy}).
 *
 * @param student gets the gradient
 * @param teacher of the same width; no gradient goes into it
 * @param logits the student's s, a scalar, and its bias where it has one
 * @returns scalar
 */
export function interactiveLoss(
  student: PairedEmbeddings,
  teacher: PairedEmbeddings,
  { scale, bias }: Pick<LogitParts, 'scale' | 'bias'>,
): Tensor {
  const [images, texts] = [t.stopGradient(teacher.image), t.stopGradient(teacher.text)];
  const units = t.l2Normalize(texts);
  const same = t.cast(t.greater(t.matmul(units, units, { transposeB: true, full: true }), SAME_TEXT), 'float32'); // [B, B]
  const right = t.stopGradient(t.div(same, t.sum(same, [-1], true))); // rows sum to 1
  const loss = (logits: Tensor) =>
    bias
      ? sigmoidCrossEntropy(logits, t.stopGradient(same))
      : t.neg(t.mean(t.sum(t.mul(right, t.logSoftmax(logits)), [-1])));
  const of = (own: Tensor, theirs: Tensor) => loss(clipLogits(own, theirs, scale, bias));
  const both = t.add(of(student.image, texts), of(student.text, images));
  return t.mul(both, 0.5);
}
