import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { cannotRead } from './faults.js';

/**
 * The lines of a text file, without their ends; a last line end begins no line.
 *
 * @returns undefined where there is no such file
 * @throws UserError where it is not UTF-8 or cannot be read
 */
export async function readLines(file: string): Promise<string[] | undefined> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw cannotRead(file, error);
  });
  if (bytes && !isUtf8(bytes)) throw new UserError(`${file}: expected UTF-8; convert it, for example with iconv`);
  return bytes
    ?.toString('utf8')
    .replace(/^\uFEFF|\r?\n$/g, '')
    .split(/\r?\n/);
}
