import { z } from 'zod';
import { readJsonAs, writeFileAtomic } from '../../files/index.js';
import { classTemplate } from './class-template.js';

/** Templates with their weights, as a search finds them and as training, evaluation and export take them. */
export interface PromptSet {
  readonly templates: readonly string[];
  /** One a template, above 0. */
  readonly weights: readonly number[];
}

const schema = z.object({
  format: z.literal('promptkd-prompts'),
  version: z.literal(1),
  prompts: z.array(z.strictObject({ template: classTemplate, weight: z.number().positive().default(1) })).min(1),
});

/**
 * Reads a file that `writePromptSet` wrote, or one made by hand in its form:
 * `{ "format": "promptkd-prompts", "version": 1, "prompts": [{ "template": "a photo of [OBJ]", "weight": 0.5 }] }`.
 *
 * @throws UserError naming the file and the field
 */
export async function readPromptSet(file: string): Promise<PromptSet> {
  const { prompts } = await readJsonAs(file, schema);
  return { templates: prompts.map(({ template }) => template), weights: prompts.map(({ weight }) => weight) };
}

/**
 * Writes templates with their weights to a file that `readPromptSet` reads.
 *
 * @param report how they were found, kept in the file for its reader
 * @throws UserError where the file cannot be written
 */
export async function writePromptSet(file: string, { templates, weights }: PromptSet, report?: unknown): Promise<void> {
  const prompts = templates.map((template, i) => ({ template, weight: weights[i]! }));
  const content = { format: 'promptkd-prompts', version: 1, prompts, report };
  await writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
