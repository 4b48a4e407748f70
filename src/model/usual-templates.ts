import type { ImageTextDataset } from '../data/index.js';
import { dataTemplates } from '../prompt/index.js';
import type { Model } from './model.js';

/** Texts of a class, and their weights where they do not weigh alike. */
interface ClassTemplates {
  readonly templates: readonly string[];
  readonly weights?: readonly number[];
}

/** Class templates where none are given: those that the model was trained with, where that is known; otherwise the data's. */
export function usualTemplates(
  { training }: Pick<Model, 'training'>,
  dataset?: Pick<ImageTextDataset, 'kind'>,
): ClassTemplates {
  const { templates, weights } = training ?? {};
  return templates ? { templates, weights } : { templates: dataTemplates(dataset) };
}
