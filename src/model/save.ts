import { saveCheckpoint } from '../clip/index.js';
import { promptFile, savePrompts } from '../prompt/index.js';
import { checkPrompts, textLimit } from './limits.js';
import type { TowerModel } from './model.js';
import { fillModelFolder } from './model-folder.js';
import { writeTrainingRecord } from './training-record.js';
import { saveVisualStudent, visualStudentFile } from './visual-student-file.js';

/**
 * Writes a model as a checkpoint folder in Hugging Face's layout, with its prompts, or a visual student's parts, beside
 * its towers, and what its training took: whole or not at all.
 *
 * @param beside writes what else belongs to it, into the same folder before it is there, and returns the files
 * @returns the files, relative to the folder
 * @throws UserError where the parts do not fit each other, or the folder cannot be written
 */
export function saveModel(
  folder: string,
  model: TowerModel,
  beside?: (unfinished: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  return fillModelFolder(folder, async (unfinished) => {
    const files = await writeModel(unfinished, model);
    return [...((await beside?.(unfinished)) ?? []), ...files];
  });
}

/**
 * Writes a model's files into an empty folder.
 *
 * @returns the files, relative to the folder, the weights last
 * @throws UserError where the parts do not fit each other
 */
export async function writeModel(folder: string, model: TowerModel): Promise<string[]> {
  checkPrompts(model);
  const files = model.training ? [await writeTrainingRecord(folder, model.training)] : [];
  if (model.prompts?.encoder) {
    await savePrompts(folder, model.prompts);
    files.push(promptFile);
  }
  if (model.projector) {
    await saveVisualStudent(folder, model);
    files.push(visualStudentFile);
  }
  return [...files, ...(await saveCheckpoint(folder, model, { maxLength: textLimit(model) }))];
}
