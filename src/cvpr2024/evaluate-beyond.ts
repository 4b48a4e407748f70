import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { type EmbedOptions, embedImages, embedTexts, type Retrieval, retrieval } from '../evaluate/index.js';
import type { Interval, Rows } from '../math/index.js';
import { promptedTexts, teacherTextFeatures } from '../model/index.js';
import {
  type Cvpr2024Measured,
  type Cvpr2024Models,
  evaluateTransfer,
  imageModels,
  textRows,
} from './evaluate-cvpr2024.js';

/** A figure on data that was not distilled on. */
export interface Beyond<T> extends Cvpr2024Models<T> {
  /** Name of the data set. */
  readonly data: string;
  readonly figure: 'top-1' | 'R@1 image → text' | 'R@1 text → image';
}

/**
 * Measures a run on data that it was neither tuned nor distilled on, as it is: top-1 among all classes where images have
 * classes, otherwise R@1 both ways, each caption a text of its own. The tuned teacher reads the texts for itself and for its
 * student.
 *
 * @param measured its data set is the one that was distilled on
 * @param split of the images measured
 * @param known the same figures of the student as it came, where another seed has measured them
 * @throws UserError where the split is missing or its images have neither classes nor captions
 */
export async function evaluateBeyond(
  measured: Cvpr2024Measured,
  target: ImageTextDataset,
  split: string,
  options: EmbedOptions = {},
  known?: readonly Beyond<Interval>[],
): Promise<Beyond<Interval>[]> {
  const { run, recipe, student, teacher } = measured;
  const data = target.name;
  const limit = teacher.config.text_config.max_position_embeddings;
  const taught = (texts: readonly string[]) =>
    teacherTextFeatures(run.teacher, promptedTexts(texts, recipe.prompts, teacher.tokenizer, limit), {
      device: options.device,
      threads: options.threads,
    });
  const examples = examplesOf(target, split);
  if (examples.some(isLabelled)) {
    const texts = await taught(target.classes.map(({ name }) => name));
    const there = { ...measured, run: { ...run, texts }, dataset: target };
    const figures = await evaluateTransfer(there, split, options, known?.[0]?.zeroShot);
    return [{ data, figure: 'top-1', ...figures }];
  }
  const captioned = examples.filter(({ captions }) => captions.length > 0);
  if (captioned.length === 0) throw new UserError(`${data}: the images of ${split} have neither classes nor captions`);
  const captions = captioned.flatMap(({ captions }) => captions);
  const texts = textRows(await taught(captions));
  const models = imageModels(measured);
  const recalls = async (model: keyof typeof models, texts: Rows): Promise<Retrieval> => {
    const images = await embedImages(models[model], target, captioned, options);
    const rows = new Map(captioned.map((example, i) => [example, i]));
    const starts = [0];
    for (const { captions } of captioned) starts.push(starts.at(-1)! + captions.length);
    const own = images.examples.map((example) => {
      const from = starts[rows.get(example)!]!;
      return example.captions.map((_, i) => from + i);
    });
    return retrieval(images.rows, texts, own);
  };
  const found = {
    zeroShot: known ? undefined : await recalls('zeroShot', await embedTexts(student, captions, options)),
    teacher: await recalls('teacher', texts),
    student: await recalls('student', texts),
  };
  return (['imageToText', 'textToImage'] as const).map((way, i) => ({
    data,
    figure: way === 'imageToText' ? 'R@1 image → text' : 'R@1 text → image',
    zeroShot: found.zeroShot?.[way].r1 ?? known![i]!.zeroShot,
    teacher: found.teacher[way].r1,
    student: found.student[way].r1,
  }));
}
