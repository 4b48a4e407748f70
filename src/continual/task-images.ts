import type { Example, ImageTextDataset } from '../data/index.js';
import type { Group } from '../group/index.js';
import type { LoaderOptions } from '../loader/index.js';
import { ViewBatches } from '../loader/index.js';
import type { TowerModel } from '../model/index.js';
import type { TaskImages } from './continual-task.js';
import type { ContinueRecipe } from './recipe.js';
import type { TeacherAnswers } from './teacher-answers.js';

/** Images that a task learns from. */
export interface ImagesOfTask {
  readonly dataset: ImageTextDataset;
  readonly examples: readonly Example[];
  /** For each the place of its class in the pool, −1 where it is not known. */
  readonly labels: readonly number[];
  readonly teacher?: TeacherAnswers;
  /** Images of earlier tasks, their labels places in the pool. */
  readonly replay?: ImageTextDataset;
}

/**
 * @param group the processes that train together, each with its part of both kinds of images
 * @returns also what is to be disposed of, and the images that could not be read
 * @throws UserError for more processes than images of a kind
 */
export function taskImages(
  { dataset, examples, labels, teacher, replay }: ImagesOfTask,
  { preprocess }: Pick<TowerModel, 'preprocess'>,
  recipe: Pick<ContinueRecipe, 'seed' | 'batch' | 'augment' | 'replay'>,
  loader: LoaderOptions | undefined,
  group?: Group,
): TaskImages & Pick<ViewBatches, 'unreadable' | 'dispose'> {
  const { seed, batch, augment } = recipe;
  // Views carry the place of their image; what the data says of it is read by that.
  const known = new Map(examples.map((example) => [example.id, example]));
  const images = { ...dataset, load: ({ id }: Example) => dataset.load(known.get(id)!) };
  const numbered = examples.map(({ id, captions }, i) => ({ id, captions, label: i }));
  const common = { seed, augment, preprocess, group };
  const own = new ViewBatches(images, numbered, { ...common, batch, loader });
  const more = replay && recipe.replay.batch;
  const kept = replay && new ViewBatches(replay, replay.splits.train!, { ...common, batch: more! });
  const slices = kept ? [own.own, kept.own] : [own.own];
  const [rows, numbers] = [slices.reduce((sum, { count }) => sum + count, 0), 3 * preprocess.size ** 2];
  const pixels = { shape: [rows, 3, preprocess.size, preprocess.size], data: new Float32Array(rows * numbers) };
  const columns = new Int32Array(batch + (more ?? 0));
  return {
    pixels,
    labels: columns,
    own: batch,
    slices,
    async fill(step) {
      // One after the other: several processes add up the labels of each, in the same order.
      await own.fill(step);
      await kept?.fill(step);
      pixels.data.set(own.pixels.data);
      for (const [i, image] of own.labels.data.entries()) columns[i] = labels[image]!;
      if (!kept) return;
      pixels.data.set(kept.pixels.data, own.own.count * numbers);
      columns.set(kept.labels.data, batch);
    },
    ...(teacher && {
      teach(classes: readonly number[], into: Float32Array) {
        for (const [i, image] of own.labels.data.entries()) {
          teacher.logits(image, classes, into.subarray(i * classes.length, (i + 1) * classes.length));
        }
      },
    }),
    get unreadable() {
      return own.unreadable;
    },
    async dispose() {
      await Promise.all([own.dispose(), kept?.dispose()]);
    },
  };
}
