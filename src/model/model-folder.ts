import { fillFolder } from '../files/index.js';
import { promptFile } from '../prompt/index.js';
import { classifierFile } from './class-vectors.js';
import { trainingFile } from './training-record.js';
import { visualStudentFile } from './visual-student-file.js';

/** What a model may have and another in its folder may not: it would contradict that one. */
export const modelParts: readonly string[] = [
  promptFile,
  visualStudentFile,
  classifierFile,
  trainingFile,
  'processor_config.json',
];

/**
 * Fills a model's folder whole or not at all, with a list of its files (see `fillFolder`). What an earlier model of other
 * parts left in the folder is removed.
 *
 * @param write gets an empty folder; returns the files in it, the weights last
 * @returns the files, relative to the folder
 * @throws UserError where the folder cannot be written
 */
export async function fillModelFolder(
  folder: string,
  write: (unfinished: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const { files } = await fillFolder(folder, modelParts, async (unfinished) => ({ files: await write(unfinished) }));
  return files;
}
