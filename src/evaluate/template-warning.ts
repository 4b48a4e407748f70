import type { Model } from '../model/index.js';
import { areFar } from '../prompt/index.js';
import { show } from '../schema-issue.js';

/** Most templates that are named. */
const most = 3;

/**
 * Says so where class texts are far from those that a model was trained with: one and the same model, of photos, was right
 * in 63 % of the cases by its own template and in 35 % by another.
 */
export function templateWarning(
  templates: readonly string[],
  { training }: Pick<Model, 'training'>,
): string | undefined {
  const own = training?.templates;
  if (!own || !areFar(templates, own)) return undefined;
  return `the class texts are ${listed(templates)}, but the model was trained with ${listed(own)}: it may know more than these figures say`;
}

/** `"a photo of {}", "{}" and 3 more` */
function listed(templates: readonly string[]): string {
  const named = templates
    .slice(0, most)
    .map((one) => show(one))
    .join(', ');
  return templates.length > most ? `${named} and ${templates.length - most} more` : named;
}
