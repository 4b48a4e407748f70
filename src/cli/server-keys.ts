import { UserError } from '../errors.js';
import { readLines } from '../files/index.js';

/**
 * Bearer keys from a file, one a line, or from PROMPTKD_API_KEYS: a command line can be read by others on the machine.
 *
 * @throws UserError for a file that cannot be read, a key that is short enough to be guessed or cannot stand in a header
 */
export async function readKeys(file: string | undefined): Promise<string[]> {
  const source = file === undefined ? 'PROMPTKD_API_KEYS' : `--key-file ${file}`;
  const keys = file === undefined ? (process.env.PROMPTKD_API_KEYS ?? '').split(',') : await readLines(file);
  if (!keys) throw new UserError(`${source}: no such file`);
  const given = keys.map((key) => key.trim()).filter((key) => key !== '');
  if (file !== undefined && given.length === 0) throw new UserError(`${source}: expected keys, one a line, got none`);
  for (const [k, key] of given.entries()) {
    if (!/^[\x21-\x7e]{16,1000}$/.test(key)) {
      throw new UserError(`${source}: key ${k + 1}: expected 16 to 1,000 letters, digits and signs without spaces`);
    }
  }
  return given;
}
