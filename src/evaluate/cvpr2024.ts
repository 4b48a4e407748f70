import { type Checkpoint, visionTower } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { type Cvpr2024Recipe, type Cvpr2024Run, visualStudentFeatures } from '../distill/index.js';
import { UserError } from '../errors.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { classText, deepPrompts } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import { type BaseNovel, baseNovel } from './base-novel.js';
import { type EmbeddedImages, type EmbedOptions, embedImages, embedPictures, embedTexts } from './embed.js';
import { type Rows, selectRows } from './rows.js';
import { classFeatures, top1, topClasses } from './zero-shot.js';

/** Base, novel and H of the three models of one run of the CVPR 2024 recipe. */
export interface Cvpr2024Figures {
  /** The student as it came, by its own text tower. */
  readonly zeroShot: BaseNovel;
  /** The teacher with its tuned prompts. */
  readonly teacher: BaseNovel;
  /** The student with its prompts and projector, by the teacher's class features. */
  readonly student: BaseNovel;
}

/**
 * Measures a run of the CVPR 2024 recipe from base to novel classes: pictures of base classes are told apart from base
 * classes only, pictures of novel ones from novel ones only.
 *
 * @throws UserError where the data has no novel classes, or a split is missing
 */
export async function evaluateCvpr2024(
  run: Cvpr2024Run,
  models: { readonly teacher: Checkpoint; readonly student: Checkpoint },
  dataset: ImageTextDataset,
  recipe: Cvpr2024Recipe,
  options: EmbedOptions = {},
): Promise<Cvpr2024Figures> {
  const labels = [...dataset.classes.keys()];
  const isNovel = (label: number) => dataset.classes[label]!.novel;
  if (!labels.some(isNovel)) throw new UserError(`${dataset.name}: expected novel classes to measure on, found none`);
  const splits = [examplesOf(dataset, recipe.data.base), examplesOf(dataset, recipe.data.novel)] as const;
  const examples = splits.flat();
  const figures = (images: EmbeddedImages, classes: Rows) => {
    const accuracy = (split: readonly Example[], novel: boolean) => {
      const chosen = labels.filter((label) => isNovel(label) === novel);
      return top1(predict(images, new Set(split), selectRows(classes, chosen), chosen));
    };
    return baseNovel(accuracy(splits[0], false), accuracy(splits[1], true));
  };

  const texts = dataset.classes.flatMap(({ name }) => recipe.tuning.templates.map((text) => classText(text, name)));
  const each = recipe.tuning.templates.length;
  const own = classFeatures(
    await embedTexts({ checkpoint: models.student }, texts, options),
    labels.map((label) => Array.from({ length: each }, (_, i) => label * each + i)),
  );
  const zeroShot = await embedImages({ checkpoint: models.student }, dataset, examples, options);
  return {
    zeroShot: figures(zeroShot, own),
    teacher: figures(await embedTeacher(run, models.teacher, dataset, examples, options), rowsOf(run.texts)),
    student: figures(await embedStudent(run, models.student, dataset, examples, options), rowsOf(run.texts)),
  };
}

type Embed = (
  run: Cvpr2024Run,
  model: Checkpoint,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions,
) => Promise<EmbeddedImages>;

const embedTeacher: Embed = ({ teacher }, { preprocess }, ...rest) =>
  embedPictures(
    (pixels) => {
      const prompts = deepPrompts(paramInputs(teacher.prompts), 'vision');
      return visionTower(paramInputs(teacher.params), teacher.config, pixels, { prompts, pooledOnly: true }).embed;
    },
    { ...paramFeeds(teacher.params), ...paramFeeds(teacher.prompts) },
    preprocess,
    ...rest,
  );

const embedStudent: Embed = ({ student }, { preprocess }, ...rest) => {
  const { config, params, prompts, projector } = student;
  return embedPictures(
    (pixels) => {
      const p = {
        params: paramInputs(params),
        prompts: paramInputs(prompts),
        projector: paramInputs(projector, 'projector/'),
      };
      return visualStudentFeatures(p, config, pixels, 'running').features;
    },
    { ...paramFeeds(params), ...paramFeeds(prompts), ...paramFeeds(projector, 'projector/') },
    preprocess,
    ...rest,
  );
};

function predict(images: EmbeddedImages, split: ReadonlySet<Example>, classes: Rows, labels: readonly number[]) {
  return images.examples.flatMap((example, row) => {
    if (!split.has(example) || !isLabelled(example)) return [];
    // The best class is the same at any scale.
    return [{ ...example, top: topClasses(images.rows, row, classes, labels, 1, 1) }];
  });
}

const rowsOf = ({ shape, data }: HostTensor<Float32Array>): Rows => ({ data, count: shape[0]!, width: shape[1]! });
