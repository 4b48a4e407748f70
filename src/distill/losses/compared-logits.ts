import { clipLogits } from '../../clip/index.js';
import { binaryKlDivergence, klDivergence, type Params } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';

/** What a model's logits are made from: embeddings [B, P] and [N, P], logit_scale, and logit_bias where it has one. */
export interface LogitParts {
  readonly image: Tensor;
  readonly text: Tensor;
  readonly scale: Tensor;
  readonly bias?: Tensor;
}

/** What logits are read as: a choice among texts (or images), or a decision for each pair whether it belongs together. */
export type Answers = 'softmax' | 'sigmoid';

/** Two models' logits [B, N] of the same images and texts, as they can be compared. */
export interface ComparedLogits {
  readonly student: Tensor;
  readonly teacher: Tensor;
  readonly answers: Answers;
}

/**
 * Logits of a student and its teacher, in the form that both can be compared in.
 *
 * SigLIP's logits with their bias are decisions: σ(z) is how likely a pair belongs together, whatever else is in the batch
 * (Zhai et al., arXiv 2303.15343, section 3.2). Where both models have a bias, those are compared. Where one has none, as
 * CLIP, only its choices mean something: softmaxes are compared, in which a bias cancels, so that none is added and a
 * student's own does not move.
 */
export function comparedLogits(student: LogitParts, teacher: LogitParts): ComparedLogits {
  const answers = student.bias && teacher.bias ? 'sigmoid' : 'softmax';
  const logits = ({ image, text, scale, bias }: LogitParts) =>
    clipLogits(image, text, scale, answers === 'sigmoid' ? bias : undefined);
  return { student: logits(student), teacher: logits(teacher), answers };
}

/** Scale and bias of a teacher, which stand still. */
export function fixedScale({ logit_scale, logit_bias }: Params): Pick<LogitParts, 'scale' | 'bias'> {
  return { scale: t.constant(logit_scale!), bias: logit_bias && t.constant(logit_bias) };
}

/**
 * T² KL from a student's answers to its teacher's.
 *
 * @param bothWays also among the images of each text, as the mean of both; a decision for a pair is the same from either side
 * @returns scalar
 */
export function answerDivergence(
  { student, teacher, answers }: ComparedLogits,
  temperature: number,
  bothWays: boolean,
): Tensor {
  if (answers === 'sigmoid') return binaryKlDivergence(student, teacher, temperature);
  const toTexts = klDivergence(student, teacher, temperature);
  if (!bothWays) return toTexts;
  const toImages = klDivergence(t.transpose(student), t.transpose(teacher), temperature);
  return t.mul(t.add(toTexts, toImages), 0.5);
}
