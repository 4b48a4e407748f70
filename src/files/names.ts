import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';

/**
 * Names: a file with one a line (empty lines are left out), or the names themselves with commas between them.
 *
 * @param what the option they were given by, for the error
 * @throws UserError where there are none, or what looks like a file is not there.
 */
export async function readNames(given: string, what = '--classes'): Promise<string[]> {
  const isFile = existsSync(given);
  if (!isFile && /[/\\]|\.(txt|csv|json)$/.test(given)) throw new UserError(`${what} ${given}: no such file`);
  const names = (isFile ? (await readFile(given, 'utf8')).split(/\r?\n/) : given.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new UserError(`${what} ${given}: expected class names, got none`);
  return names;
}
