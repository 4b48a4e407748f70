import { isUtf8 } from 'node:buffer';
import { stat } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { readBytes } from './bytes.js';

/**
 * The lines of a text file, without their ends; a last line end begins no line.
 *
 * @returns undefined where there is no such file
 * @throws UserError where it is not UTF-8 or cannot be read
 */
export async function readLines(file: string): Promise<string[] | undefined> {
  const isGone = await stat(file).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );
  const bytes = isGone ? undefined : await readBytes(file);
  if (bytes && !isUtf8(bytes)) throw new UserError(`${file}: expected UTF-8; convert it, for example with iconv`);
  return bytes
    ?.toString('utf8')
    .replace(/^\uFEFF|\r?\n$/g, '')
    .split(/\r?\n/);
}
