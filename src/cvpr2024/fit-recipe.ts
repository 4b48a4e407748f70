import { basename } from 'node:path';
import type { ImageTextDataset } from '../data/index.js';
import type { Cvpr2024Recipe } from './cvpr2024-recipe.js';

/** Data sets that the paper's code distils with a weight of 200, by CoOp's folder names and the like. */
const lightly = /^(?:fgvc[_-]?aircraft|oxford[_-]?flowers|flowers102|dtd)$/i;

/**
 * Where no recipe is given: what of the published one must be otherwise for some data, or is so in the paper's code, and why.
 *
 * @returns recipe fields by path, and reasons in sentences
 */
export function fitCvpr2024(
  { data: { split } }: Pick<Cvpr2024Recipe, 'data'>,
  dataset: Pick<ImageTextDataset, 'name' | 'classes' | 'aside'>,
): { readonly fields: Readonly<Record<string, unknown>>; readonly reasons: readonly string[] } {
  const fields: Record<string, unknown> = {};
  const reasons: string[] = [];
  if (dataset.classes.some(({ novel }) => novel) && !dataset.aside?.[split]) {
    fields['distillation.classes'] = 'base';
    reasons.push(
      `distillation.classes is base: ${dataset.name} has no images of novel classes in ${split}, which the published recipe learns from without labels`,
    );
  }
  const name = basename(dataset.name.replace(/^\w+:/, '').replace(/\?.*$/, ''));
  if (lightly.test(name)) {
    fields['distillation.kd_weight'] = 200;
    reasons.push(`distillation.kd_weight is 200, as the paper's code has it for ${name}; it is 1000 for other data`);
  }
  return { fields, reasons };
}
