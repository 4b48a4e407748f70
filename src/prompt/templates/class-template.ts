import { z } from 'zod';
import { UserError } from '../../errors.js';
import { show, wholeSentence } from '../../schema-issue.js';
import { publishedEnsembles } from './published.js';
import { namesClass, tooLarge, valueSlotsOf } from './syntax.js';

/** Why a template cannot name a class, or undefined where it can. */
function faultOf(template: string): string | undefined {
  const fault = tooLarge(template);
  if (fault !== undefined) return `${show(template)}: ${fault}`;
  if (template.includes('{}')) return undefined;
  try {
    if (!namesClass(template)) {
      return `expected {} or [OBJ] where the class name stands, got ${show(template)}`;
    }
    const [open] = valueSlotsOf(template);
    return open && `${show(template)}: fill the slot ${open} first`;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** A template of a recipe. */
export const classTemplate = z.string().superRefine((template, context) => {
  const message = faultOf(template);
  if (message) context.addIssue({ code: 'custom', message, params: wholeSentence });
});

/** Templates of a recipe: a list, or the name of a published ensemble (`promptkd prompts ensembles`). */
export const classTemplates = z.preprocess(
  (given) => publishedEnsembles.find(({ name }) => name === given)?.templates ?? given,
  z.array(classTemplate, { error: 'a list of templates, or the name of a published ensemble' }).min(1),
);

/**
 * Checks texts of a class.
 *
 * @throws UserError unless there is a template, each says where the class name stands and is open nowhere else, and
 *   weights are positive and as many
 */
export function checkTemplates(templates: readonly string[], weights?: readonly number[]): void {
  if (templates.length === 0) throw new UserError('templates: expected at least one, got none');
  for (const template of templates) {
    const fault = faultOf(template);
    if (fault) throw new UserError(`templates: ${fault}`);
  }
  if (!weights) return;
  if (weights.length !== templates.length) {
    throw new UserError(`weights: expected one a template, ${templates.length}, got ${weights.length}`);
  }
  const wrong = weights.find((weight) => !(weight > 0 && Number.isFinite(weight)));
  if (wrong !== undefined) throw new UserError(`weights: expected numbers above 0, got ${wrong}`);
}
