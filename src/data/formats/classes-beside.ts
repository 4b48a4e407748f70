import { join } from 'node:path';
import { readLines } from '../../files/index.js';

/** Class names beside the images, one a line. */
export const classFiles = ['classes.txt', 'classnames.txt'] as const;

/**
 * Class names from a file `classes.txt` or `classnames.txt` in a folder, in its order; undefined where there is none.
 * Names are trimmed, empty lines are left out.
 *
 * @throws UserError where it is not UTF-8
 */
export async function classesBeside(folder: string): Promise<string[] | undefined> {
  for (const name of classFiles) {
    const lines = await readLines(join(folder, name));
    if (lines) return lines.map((line) => line.trim()).filter((line) => line !== '');
  }
  return undefined;
}
