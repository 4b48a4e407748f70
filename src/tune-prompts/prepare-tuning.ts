import { type Checkpoint, tokenizeAll } from '../clip/index.js';
import { type Example, examplesOf, type ImageTextDataset, isLabelled, labelledOf } from '../data/index.js';
import { UserError } from '../errors.js';
import { type LoaderOptions, ViewBatches } from '../loader/index.js';
import { type TowerModel, templateFeatures, textRoom, usualTemplates } from '../model/index.js';
import { classText, initPromptEncoder, promptConfig } from '../prompt/index.js';
import { engineOptions, type Run, type RunOptions } from '../train/index.js';
import type { TunePromptsRecipe } from './tune-prompts-recipe.js';
import { type TaskTexts, tunePromptsTask } from './tune-prompts-task.js';
import { startFromTypicalTokens } from './typical-tokens.js';

/** Options of `tunePrompts`. */
export interface TunePromptsOptions extends RunOptions<TunePromptsRecipe> {
  /** How images are read. */
  readonly loader?: LoaderOptions;
  /** Frozen; the prompts are learned for it. */
  readonly model: Checkpoint & Pick<TowerModel, 'training'>;
  readonly dataset: ImageTextDataset;
}

/** The recipe for data of which no image that is trained on has a label: the model's confident answers serve as labels. */
export function withUnlabelled(recipe: TunePromptsRecipe, dataset: ImageTextDataset): TunePromptsRecipe {
  const examples = examplesOf(dataset, recipe.data.split);
  return recipe.unlabelled || dataset.classes.length === 0 || examples.some(isLabelled)
    ? recipe
    : { ...recipe, unlabelled: true };
}

/** The recipe's templates, or those of model and data. */
export const templatesOf = ({ recipe, model, dataset }: TunePromptsOptions): readonly string[] =>
  recipe.templates ?? usualTemplates(model, dataset).templates;

/**
 * Classes, images and the model's own features of the classes.
 *
 * @throws UserError where there are too few of either
 */
export async function preparePromptTuning(dataset: ImageTextDataset, options: TunePromptsOptions) {
  const { recipe } = options;
  const { split } = recipe.data;
  const classes = taskClasses(dataset);
  const examples = recipe.unlabelled
    ? examplesOf(dataset, split)
    : labelledOf(dataset, split).filter(({ label }) => classes.includes(label));
  checkSizes(recipe, examples.length, classes.length, `${dataset.name}/${split}`);

  const names = classes.map((label) => dataset.classes[label]!.name);
  const templates = templatesOf({ ...options, dataset });
  const frozen = await templateFeatures(options.model, names, templates, options.engine);
  return { classes, examples, names, templates, frozen };
}

type PromptTuning = Awaited<ReturnType<typeof preparePromptTuning>>;

/**
 * The task of learning prompts from labels or pseudo-labels, one of `classes` an image or −1.
 *
 * @param own holds what is to be disposed of, however this ends
 */
export async function promptTuningTask(
  dataset: ImageTextDataset,
  { examples, names, templates, frozen }: PromptTuning,
  found: readonly number[],
  options: TunePromptsOptions,
  own: Run['own'],
) {
  const { model, recipe } = options;
  const taken = found.filter((column) => column >= 0);
  const { config, preprocess, tokenizer } = model;
  const { n_ctx } = recipe.prompts;
  const texts = templates.flatMap((template) => names.map((name) => classText(template, name)));
  const room = textRoom(config.text_config.max_position_embeddings, n_ctx);
  const read = tokenizeAll(tokenizer, texts, room);
  const rows: TaskTexts = {
    ids: { shape: [texts.length, read.length], data: read.ids },
    ends: { shape: [texts.length], data: read.ends },
    classes: names.length,
    frozen,
  };
  const shape = promptConfig(recipe, config, room);
  const prompt = { params: initPromptEncoder(shape, recipe.seed), config: shape };
  // Views carry the labels that are learned from; images are read by what the data says of them.
  const known = new Map(examples.map((example) => [example.id, example]));
  const images = { ...dataset, load: ({ id }: Example) => dataset.load(known.get(id)!) };
  const seen = examples.map(({ id, captions }, i) => ({ id, captions, label: found[i]! }));
  const { group } = options.engine ?? {};
  const view = { seed: recipe.seed, batch: recipe.batch, group, preprocess, loader: options.loader };
  const views = {
    weak: own(new ViewBatches(images, seen, { ...view, augment: recipe.weak })),
    strong: own(new ViewBatches(images, seen, { ...view, augment: recipe.strong })),
    classWeights: evenWeights(taken, names.length),
  };
  // Of a whole batch, however many processes there are.
  const first = group
    ? own(new ViewBatches(images, seen, { ...view, group: undefined, augment: recipe.weak }))
    : views.weak;
  await first.fill(0);
  const some = Math.min(64, texts.length);
  const typical = {
    ids: { shape: [some, read.length], data: read.ids.subarray(0, some * read.length) },
    ends: { shape: [some], data: read.ends.subarray(0, some) },
    pixels: first.pixels,
  };
  await startFromTypicalTokens(prompt, model, typical, options.engine);
  const { compile } = engineOptions(recipe, options.engine);
  return { task: tunePromptsTask(model, prompt, rows, views, recipe, compile), views, prompt, shape, read };
}

/** Novel classes must stay unseen where there are others. */
function taskClasses({ classes, name }: ImageTextDataset): number[] {
  const all = [...classes.keys()];
  const base = all.filter((label) => !classes[label]!.novel);
  if (all.length < 2) {
    throw new UserError(
      `${name}: expected at least two classes to tell apart, found ${all.length}: name some, as in "folder:photos?classes=cat,dog" (labels are not needed); for captions alone there is search-prompts`,
    );
  }
  return base.length > 1 ? base : all;
}

function checkSizes(
  { batch, classes_per_step }: TunePromptsRecipe,
  images: number,
  classes: number,
  data: string,
): void {
  if (images < batch)
    throw new UserError(`batch: ${batch} is more than the ${images} images of ${data}; choose a smaller one`);
  if (classes_per_step < Math.min(batch, classes)) {
    throw new UserError(`classes_per_step: expected room for the labels of a batch, ${batch}, got ${classes_per_step}`);
  }
}

/** For each class the inverse of how many images have it, so that classes count alike; 1 on average over the images. */
function evenWeights(labels: readonly number[], classes: number): Float32Array {
  const counts = new Float32Array(classes);
  for (const label of labels) counts[label]!++;
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count > 0 ? labels.length / present / count : 0));
}
