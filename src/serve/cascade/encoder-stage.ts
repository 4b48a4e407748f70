import { scoringOf } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { classFeatures } from '../../evaluate/index.js';
import { dots, type Rows } from '../../math/index.js';
import { checkTemplates, classText, dataTemplates } from '../../prompt/index.js';
import type { Encoder, EncoderInfo, ImageInput } from '../encoder/index.js';
import type { Stage } from './cascade.js';

/** Classes that a stage tells apart, and their texts. */
export interface StageClasses {
  readonly classes: readonly string[];
  /** Texts of a class, `{}` or `[OBJ]` standing for its name; a class is the mean of their features. @defaultValue what the model was trained with, or those of photos */
  readonly templates?: readonly string[];
}

/** Images asked for at a time. */
const block = 32;

/**
 * A model in this process, in a worker thread or in this one, as a stage: logits = exp(logit_scale) · cosines between
 * images and classes, and logit_bias of a model that has one.
 *
 * @throws UserError for no classes or a template without a place for the name
 */
export async function encoderStage(
  name: string,
  encoder: Encoder,
  { classes, templates = encoder.info.templates ?? dataTemplates() }: StageClasses,
): Promise<Stage<ImageInput>> {
  if (classes.length === 0) throw new UserError('classes: expected at least one class name, got none');
  checkTemplates(templates);
  const features = classRows(
    await encoder.texts(classes.flatMap((one) => templates.map((template) => classText(template, one)))),
    classes.length,
  );
  return {
    name,
    scoring: scoringOf(encoder.info.logitBias),
    async logits(images, signal, prepared) {
      const all: Float64Array[] = [];
      for (let from = 0; from < images.length; from += block) {
        signal?.throwIfAborted();
        const { rows, faults } = await encoder.images(images.slice(from, from + block), prepared);
        const fault = faults.find((one) => one !== undefined);
        if (fault !== undefined) throw new UserError(fault);
        all.push(...logitRows(rows, features, encoder.info));
      }
      return all;
    },
  };
}

/** One row a class from the rows of its texts, which stand together. */
export function classRows(texts: Rows, classes: number): Rows {
  const each = texts.count / classes;
  return classFeatures(
    texts,
    Array.from({ length: classes }, (_, c) => Array.from({ length: each }, (_, t) => c * each + t)),
  );
}

/** exp(logit_scale) · cosines + logit_bias, one array [C] an image. */
export function logitRows(
  images: Rows,
  classes: Rows,
  { logitFactor, logitBias = 0 }: Pick<EncoderInfo, 'logitFactor' | 'logitBias'>,
): Float64Array[] {
  return Array.from({ length: images.count }, (_, i) => {
    const logits = dots(images, i, classes, new Float64Array(classes.count));
    for (let c = 0; c < logits.length; c++) logits[c] = logits[c]! * logitFactor + logitBias;
    return logits;
  });
}
