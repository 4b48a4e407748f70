import { cutTokenizer, type Tokenizer, tokenTable } from '../../clip/index.js';
import type { ImageTextDataset } from '../../data/index.js';
import { classText, publishedEnsembles, trainingTemplates } from '../../prompt/index.js';
import type { DistillRecipe } from '../recipe.js';
import { pick } from './importance.js';
import type { StudentStart } from './student.js';

/** Texts that a student of this data reads: its classes in its templates and the published ones, and all captions. */
function* taskTexts({ texts }: Pick<DistillRecipe, 'texts'>, dataset: ImageTextDataset): Generator<string> {
  const templates = trainingTemplates(texts.templates, dataset);
  const published = publishedEnsembles.flatMap((ensemble) => ensemble.templates);
  for (const { name } of dataset.classes) for (const template of ['{}', ...templates]) yield classText(template, name);
  for (const template of published) for (const noun of ['cat', 'owl']) yield classText(template, noun);
  for (const examples of Object.values({ ...dataset.splits, ...dataset.aside }))
    for (const { captions } of examples) yield* captions;
}

/** The teacher's tokenizer without the tokens that no text of the task has: see `cutTokenizer`. */
export const taskTokenizer = (
  tokenizer: Tokenizer,
  recipe: Pick<DistillRecipe, 'texts'>,
  dataset: ImageTextDataset,
): ReturnType<typeof cutTokenizer> => cutTokenizer(tokenizer, taskTexts(recipe, dataset));

/** A student whose token table has the rows of the task's tokens alone (`student.tokens: task`). */
export function withTaskTokens(
  start: StudentStart,
  recipe: Pick<DistillRecipe, 'texts'>,
  dataset: ImageTextDataset,
): StudentStart {
  const { tokenizer, kept } = taskTokenizer(start.tokenizer, recipe, dataset);
  const { text_config: text } = start.config;
  return {
    ...start,
    tokenizer,
    config: {
      ...start.config,
      text_config: {
        ...text,
        vocab_size: kept.length,
        bos_token_id: tokenizer.startId ?? text.bos_token_id,
        // 2 stands for the largest id, which the end token keeps.
        eos_token_id: text.eos_token_id === 2 ? 2 : tokenizer.endId,
        pad_token_id: tokenizer.padId,
      },
    },
    params: { ...start.params, [tokenTable]: pick(start.params[tokenTable]!, kept) },
  };
}
