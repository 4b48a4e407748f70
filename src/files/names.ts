import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import { readLines } from './lines.js';

/**
 * Names: a file with one a line (empty lines are left out), or the names themselves with commas between them.
 *
 * @param what the option they were given by, for the error
 * @throws UserError where there are none, or what looks like a file is not there or not UTF-8
 */
export async function readNames(given: string, what = '--classes'): Promise<string[]> {
  const isFile = existsSync(given);
  if (!isFile && /[/\\]|\.(txt|csv|json)$/.test(given)) throw new UserError(`${what} ${given}: no such file`);
  const names = (isFile ? (await readLines(given))! : given.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new UserError(`${what} ${given}: expected class names, got none`);
  return names;
}
