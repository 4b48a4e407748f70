import { z } from 'zod';

const share = z.number().min(0).max(1);
const optional = share.optional();

/** What is measured in one evaluation, as shares: of images with classes top-k, of images with captions alone R@k. */
const figures = {
  top1: optional,
  top5: optional,
  r1_image_to_text: optional,
  r5_image_to_text: optional,
  r1_text_to_image: optional,
  r5_text_to_image: optional,
};

export const runEvaluation = z.object({
  split: z.string(),
  images: z.int(),
  ...figures,
  /** What the teacher reaches on the same images, in the same figure: see {@link scoreOf}. */
  teacher: optional,
});

/** A quick measurement while training, on images that are not trained on. */
export type RunEvaluation = z.infer<typeof runEvaluation>;

/** The figures of an evaluation. */
export type RunFigures = Omit<RunEvaluation, 'split' | 'images' | 'teacher'>;

/** The one figure that decides which evaluation is the best: top-1, or, of captions alone, the mean of both R@1. */
export function scoreOf({ top1, r1_image_to_text: image = 0, r1_text_to_image: text = 0 }: RunFigures): number {
  return top1 ?? (image + text) / 2;
}

/** What {@link scoreOf} is of, in words. */
export const scoreName = ({ top1 }: RunFigures): string => (top1 === undefined ? 'R@1' : 'top-1');

/** The part of the teacher's score that was reached; undefined where there is no teacher, or it scores nothing. */
export const shareOfTeacher = (evaluation: RunEvaluation): number | undefined =>
  evaluation.teacher ? scoreOf(evaluation) / evaluation.teacher : undefined;

const count = z.int().positive();

/** How a run measures itself: fields of its recipe. They change nothing of what is trained, but for `patience`. */
export const evaluationFields = {
  /** Images that are not trained on. */
  split: z.string().default('val'),
  /** Images of it that are looked at, the same each time. */
  images: count.default(512),
  /** Ends the run, or its last phase, after so many evaluations without a better one; left out: it goes on to its end. */
  patience: count.optional(),
};
