import type { Example, ImageTextDataset } from '../data/index.js';
import { classFeatures, embedImages, embedTexts } from '../evaluate/index.js';
import { dots, type Rows } from '../math/index.js';
import { logitFactor, type Model } from '../model/index.js';
import { classText } from '../prompt/index.js';

/** What a teacher takes the images of a task for: stored once, of the images as they are. */
export interface TeacherAnswers {
  /** Its logits of one image for some classes. @param image place in the list that was read; one that could not be read: −1 */
  logits(image: number, classes: readonly number[], into: Float32Array): void;
  /** The likeliest of some classes. */
  best(image: number, classes: readonly number[]): number;
}

/**
 * A teacher's answers for images and classes.
 *
 * @param model may be of any size and family: it has its own preprocessing, tokenizer and factor
 * @param names of the classes
 */
export async function teacherAnswers(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  names: readonly string[],
  templates: readonly string[],
  options: NonNullable<Parameters<typeof embedImages>[3]>,
): Promise<TeacherAnswers> {
  const images = await embedImages(model, dataset, examples, options);
  const texts = await embedTexts(
    model,
    templates.flatMap((template) => names.map((name) => classText(template, name))),
    { ...options, onProgress: undefined },
  );
  const rows = names.map((_, c) => templates.map((_, t) => t * names.length + c));
  const classes: Rows = classFeatures(texts, rows);
  const factor = logitFactor(model);
  const places = new Map(images.examples.map((example, row) => [example, row]));
  const all = new Float64Array(names.length);
  const answer = (image: number) => {
    const row = places.get(examples[image]!);
    if (row === undefined) return all.fill(0);
    return dots(images.rows, row, classes, all);
  };
  return {
    logits(image, wanted, into) {
      const cosines = answer(image);
      for (const [i, c] of wanted.entries()) into[i] = factor * cosines[c]!;
    },
    best(image, wanted) {
      const cosines = answer(image);
      return wanted.reduce((best, c) => (cosines[c]! > cosines[best]! ? c : best), wanted[0]!);
    },
  };
}
