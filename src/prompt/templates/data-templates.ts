import type { ImageKind, ImageTextDataset } from '../../data/index.js';
import { classText } from './class-text.js';

/** Texts of a class by what the images are. */
const byKind: Readonly<Record<ImageKind, readonly string[]>> = {
  photos: ['a photo of [OBJ]'],
  drawings: ['a drawing of {}', '{}'],
};

/** Class templates for a model of which it is not known by which it was trained, on this data; without data: photos. */
export function dataTemplates({ kind = 'photos' }: Pick<ImageTextDataset, 'kind'> = {}): readonly string[] {
  return byKind[kind];
}

/**
 * The class templates of a training: those given, otherwise one for what the images are, or, where the model that is learned
 * from was trained with others, those.
 *
 * @param learned templates that this model was trained with, where that is known
 */
export function trainingTemplates(
  given: readonly string[] | undefined,
  dataset: Pick<ImageTextDataset, 'kind'>,
  learned?: readonly string[],
): readonly string[] {
  if (given) return given;
  const own = dataTemplates(dataset).slice(0, 1);
  return learned && areFar(own, learned) ? learned : own;
}

/**
 * Whether class texts differ so much that a model trained with the one is not to be measured with the other: of no template
 * of the one and no template of the other half of the words are the same, articles aside. `a photo of {}` and
 * `a small photo of a {}.` are near, `a drawing of {}` and `{}` are far from both.
 */
export function areFar(one: readonly string[], other: readonly string[]): boolean {
  const others = other.map(wordsOf);
  return !one.map(wordsOf).some((words) => others.some((those) => likeness(words, those) >= 0.5));
}

/** Words around the class name. */
function wordsOf(template: string): ReadonlySet<string> {
  const bare = template.toLowerCase().replace(/\{\}|\[[^\]]*\]/g, ' ');
  return new Set((bare.match(/[\p{L}\d]+/gu) ?? []).filter((word) => !/^(?:an?|the|of)$/.test(word)));
}

/** Words of both over words of either. */
function likeness(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const all = new Set([...one, ...other]).size;
  return all === 0 ? 1 : (one.size + other.size - all) / all;
}

/**
 * A data set whose captions that are made of class names are made by these templates, the bare name beside them: what an
 * image is called in training, in retrieval and as a class is then one thing. Captions of the data stay as they are.
 *
 * @throws UserError for a template of the library with another slot than the class's
 */
export function withClassCaptions(dataset: ImageTextDataset, templates: readonly string[]): ImageTextDataset {
  const { splits, classes } = dataset;
  const made = classes.map(({ name }) => [...new Set([...templates.map((one) => classText(one, name)), name])]);
  const some = Object.values(splits).some((part) => part.some(({ captionsMade }) => captionsMade));
  if (!some) return dataset;
  const parts = Object.entries(splits).map(([split, part]) => [
    split,
    // A sample may have lost its labels: its captions stay as they were made.
    part.map((one) => (one.captionsMade && one.label !== undefined ? { ...one, captions: made[one.label]! } : one)),
  ]);
  return { ...dataset, splits: Object.fromEntries(parts) };
}
