import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { saveCheckpoint } from '../clip/index.js';
import { promptFile, savePrompts } from '../prompt/index.js';
import { classifierFile } from './class-vectors.js';
import { checkPrompts, textLimit } from './limits.js';
import type { TowerModel } from './model.js';
import { trainingFile, writeTrainingRecord } from './training-record.js';
import { saveVisualStudent, visualStudentFile } from './visual-student-file.js';

/**
 * Writes a model as a checkpoint folder in Hugging Face's layout, with its prompts, or a visual student's parts, beside
 * its towers, and what its training took. What an earlier model of other parts left in the folder is removed: it would contradict this one.
 *
 * @returns the files, relative to the folder
 * @throws UserError where the parts do not fit each other
 */
export async function saveModel(folder: string, model: TowerModel): Promise<string[]> {
  checkPrompts(model);
  for (const file of [promptFile, visualStudentFile, classifierFile, trainingFile])
    await rm(join(folder, file), { force: true });
  await saveCheckpoint(folder, model, { maxLength: textLimit(model) });
  const files = [
    'config.json',
    'model.safetensors',
    'preprocessor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  if (model.prompts?.encoder) {
    await savePrompts(folder, model.prompts);
    files.push(promptFile);
  }
  if (model.projector) {
    await saveVisualStudent(folder, model);
    files.push(visualStudentFile);
  }
  if (model.training) {
    await writeTrainingRecord(folder, model.training);
    files.push(trainingFile);
  }
  return files;
}
