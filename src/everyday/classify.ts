import { z } from 'zod';
import { scoringOf } from '../clip/index.js';
import { UserError } from '../errors.js';
import { classProbabilities, type Rows } from '../math/index.js';
import { classText, dataTemplates } from '../prompt/index.js';
import { checkFields } from '../schema-issue.js';
import type { Encoder, EncoderInfo } from '../serve/index.js';
import * as fields from './call-fields.js';
import { type GivenImage, imageBytes, imageName } from './given-image.js';
import { type AnyModel, type EncodeOptions, openEncoder } from './open-encoder.js';

/** Options of {@link classify}. */
export interface ClassifyOptions extends EncodeOptions {
  /** Texts of a class, `{}` standing for its name. @defaultValue what the model was trained with, or those of photos */
  readonly templates?: readonly string[];
  /** How many classes, the likeliest. @defaultValue all */
  readonly top?: number;
}

const callFields = z.object({
  model: fields.model,
  images: fields.images,
  classes: fields.texts.optional(),
  templates: fields.texts.optional(),
  top: z.int().min(1).optional(),
  ...fields.encodeFields,
} satisfies Record<keyof ClassifyOptions | 'model' | 'images' | 'classes', z.ZodType>);

/** A class that an image may show. */
export interface ClassProbability {
  readonly class: string;
  /** Among the classes asked for; of a SigLIP each by itself. */
  readonly probability: number;
}

/** Images that are computed together. */
const block = 32;

/**
 * What an image shows: the classes with their probabilities, the likeliest first.
 *
 * @param classes names to choose from; left out: those that the model was exported with
 * @throws UserError for a model or an image that cannot be read, no classes, or an option that is not there
 * @example
 * const [best] = await classify('promptkd:emoji-student', 'cat.png', ['cat', 'dog', 'owl']);
 */
export function classify(
  model: AnyModel,
  image: GivenImage,
  classes?: readonly string[],
  options?: ClassifyOptions,
): Promise<ClassProbability[]>;
/** The same of several images, one list each, in their order. */
export function classify(
  model: AnyModel,
  images: readonly GivenImage[],
  classes?: readonly string[],
  options?: ClassifyOptions,
): Promise<ClassProbability[][]>;
export async function classify(
  model: AnyModel,
  given: GivenImage | readonly GivenImage[],
  classes?: readonly string[],
  options: ClassifyOptions = {},
): Promise<ClassProbability[] | ClassProbability[][]> {
  const images = isList(given) ? given : [given];
  checkFields('classify', callFields, { ...options, model, images, classes });
  const { encoder, release } = await openEncoder(model, options);
  try {
    const { names, features } = await classesOf(encoder, classes, options.templates);
    const { logitRows } = await import('../serve/index.js');
    const answers: ClassProbability[][] = [];
    for (let from = 0; from < images.length; from += block) {
      const rows = await imageRows(encoder, images.slice(from, from + block), from);
      for (const logits of logitRows(rows, features, encoder.info)) answers.push(ranked(logits, names, encoder.info));
    }
    const top = answers.map((answer) => answer.slice(0, options.top));
    return isList(given) ? top : top[0]!;
  } finally {
    await release();
  }
}

/** Unit rows, one an image. @param from place of the first, for errors */
export async function imageRows(encoder: Encoder, images: readonly GivenImage[], from = 0): Promise<Rows> {
  const { rows, faults } = await encoder.images(await Promise.all(images.map(imageBytes)));
  const wrong = faults.findIndex((fault) => fault !== undefined);
  if (wrong < 0) return rows;
  // Encoders count within a call.
  const reason = faults[wrong]!.replace(/^\w+ \d+: /, '');
  throw new UserError(`${imageName(images[wrong]!, from + wrong)}: ${reason}`);
}

/** The names of classes and a unit row each. */
async function classesOf(
  encoder: Encoder,
  asked: readonly string[] | undefined,
  templates: readonly string[] | undefined,
): Promise<{ names: readonly string[]; features: Rows }> {
  const { classifier, width, templates: own } = encoder.info;
  if (!asked && classifier && !templates) {
    const { names, features } = classifier;
    return { names, features: { data: features.data, count: names.length, width } };
  }
  const names = asked ?? classifier?.names ?? [];
  if (names.length === 0) {
    throw new UserError('classes: expected names to choose from: this model was exported without its own');
  }
  const [{ classRows }, { checkTemplates }] = await Promise.all([
    import('../serve/index.js'),
    import('../prompt/index.js'),
  ]);
  const used = templates ?? own ?? dataTemplates();
  checkTemplates(used);
  const texts = names.flatMap((name) => used.map((template) => classText(template, name)));
  return { names, features: classRows(await encoder.texts(texts), names.length) };
}

function ranked(logits: ArrayLike<number>, names: readonly string[], { logitBias }: EncoderInfo): ClassProbability[] {
  return likeliestFirst(names, classProbabilities(scoringOf(logitBias), logits));
}

/** Classes with their probabilities, the likeliest first. */
export const likeliestFirst = (names: readonly string[], probabilities: ArrayLike<number>): ClassProbability[] =>
  names
    .map((name, c) => ({ class: name, probability: probabilities[c]! }))
    .sort((a, b) => b.probability - a.probability);

const isList = (given: GivenImage | readonly GivenImage[]): given is readonly GivenImage[] => Array.isArray(given);
