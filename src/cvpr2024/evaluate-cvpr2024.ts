import type { Checkpoint } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import {
  type BaseNovel,
  baseNovel,
  classFeatures,
  type EmbeddedImages,
  type EmbedOptions,
  embedImages,
  embedTexts,
  top1,
  topClasses,
} from '../evaluate/index.js';
import type { Interval } from '../math/index.js';
import { type Rows, selectRows } from '../math/index.js';
import { type Model, teacherPrompts, visualModel } from '../model/index.js';
import { classText } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { Cvpr2024Run } from './cvpr2024.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';

/** A figure of the three models of one run of the CVPR 2024 recipe. */
export interface Cvpr2024Models<T> {
  /** The student as it came, by its own text tower. */
  readonly zeroShot: T;
  /** The teacher with its tuned prompts. */
  readonly teacher: T;
  /** The student with its prompts and projector, by the teacher's class features. */
  readonly student: T;
}

/** A run with the models that it started from, and how it is measured. */
export interface Cvpr2024Measured {
  readonly run: Cvpr2024Run;
  readonly teacher: Checkpoint;
  readonly student: Checkpoint;
  /** The data set that was distilled on. */
  readonly dataset: ImageTextDataset;
  readonly recipe: Cvpr2024Recipe;
}

/**
 * Measures a run of the CVPR 2024 recipe from base to novel classes: images of base classes are told apart from base
 * classes only, images of novel ones from novel ones only.
 *
 * @param zeroShot the figures of the student as it came, where another seed has measured them: they are the same
 * @throws UserError where the data has no novel classes, or a split is missing
 */
export async function evaluateCvpr2024(
  measured: Cvpr2024Measured,
  options: EmbedOptions = {},
  zeroShot?: BaseNovel,
): Promise<Cvpr2024Models<BaseNovel>> {
  const { dataset, recipe } = measured;
  const isNovel = (label: number) => dataset.classes[label]!.novel;
  const labels = [...dataset.classes.keys()];
  checkNovel(dataset);
  const splits = [examplesOf(dataset, recipe.data.base), examplesOf(dataset, recipe.data.novel)] as const;
  return measure(measured, splits.flat(), options, zeroShot, (images, classes) => {
    const accuracy = (split: readonly Example[], novel: boolean) => {
      const chosen = labels.filter((label) => isNovel(label) === novel);
      return top1(predict(images, new Set(split), selectRows(classes, chosen), chosen));
    };
    return baseNovel(accuracy(splits[0], false), accuracy(splits[1], true));
  });
}

/** @throws UserError where the data has no novel classes */
export function checkNovel({ name, classes }: ImageTextDataset): void {
  if (classes.some(({ novel }) => novel)) return;
  throw new UserError(
    `${name}: expected novel classes to measure on, found none; for data in a folder, add ?novel=half`,
  );
}

/**
 * Measures a run on another data set than the one that the teacher's prompts were tuned on: top-1 among all its classes.
 *
 * @param split of the images measured
 * @throws UserError where the split is missing or none of its images has a class
 */
export async function evaluateTransfer(
  measured: Cvpr2024Measured,
  split: string,
  options: EmbedOptions = {},
  zeroShot?: Interval,
): Promise<Cvpr2024Models<Interval>> {
  const { dataset } = measured;
  const examples = examplesOf(dataset, split).filter(isLabelled);
  if (examples.length === 0) throw new UserError(`${dataset.name}: expected images with classes in ${split}`);
  const labels = [...dataset.classes.keys()];
  return measure(measured, examples, options, zeroShot, (images, classes) =>
    top1(predict(images, new Set(examples), classes, labels)),
  );
}

/**
 * @param known the figure of the student as it came
 * @param of a figure from image features and class features, a row for each class of the data set
 */
async function measure<T>(
  measured: Cvpr2024Measured,
  examples: readonly Example[],
  options: EmbedOptions,
  known: T | undefined,
  of: (images: EmbeddedImages, classes: Rows) => T,
): Promise<Cvpr2024Models<T>> {
  const { run, student, dataset, recipe } = measured;
  const models = imageModels(measured);
  const images = (role: keyof typeof models) => embedImages(models[role], dataset, examples, options);
  const zeroShot = async () => {
    const { templates } = recipe.tuning;
    const texts = dataset.classes.flatMap(({ name }) => templates.map((text) => classText(text, name)));
    const own = classFeatures(
      await embedTexts(student, texts, options),
      dataset.classes.map((_, label) => templates.map((_, i) => label * templates.length + i)),
    );
    return of(await images('zeroShot'), own);
  };
  const taught = textRows(run.texts);
  return {
    zeroShot: known ?? (await zeroShot()),
    teacher: of(await images('teacher'), taught),
    student: of(await images('student'), taught),
  };
}

/** The three models of a run, for images. */
export function imageModels({ run, teacher, student, dataset }: Cvpr2024Measured): Cvpr2024Models<Model> {
  const names = dataset.classes.map(({ name }) => name);
  const { params, prompts } = run.teacher;
  return {
    zeroShot: student,
    teacher: { ...teacher, params, prompts: teacherPrompts(prompts) },
    student: visualModel(student, run.student, { names, features: run.texts }),
  };
}

function predict(images: EmbeddedImages, split: ReadonlySet<Example>, classes: Rows, labels: readonly number[]) {
  return images.examples.flatMap((example, row) => {
    if (!split.has(example) || !isLabelled(example)) return [];
    // The best class is the same at any scale.
    return [{ ...example, top: topClasses(images.rows, row, classes, labels, 1, 1) }];
  });
}

/** Text features of a teacher as rows. */
export const textRows = ({ shape, data }: HostTensor<Float32Array>): Rows => ({
  data,
  count: shape[0]!,
  width: shape[1]!,
});
