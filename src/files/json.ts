import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';

/** Reads a JSON file. @throws UserError naming the file where it is missing or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = { ENOENT: 'no such file', EISDIR: 'expected a file, got a folder' }[code ?? ''];
    throw new UserError(`${path}: ${reason ?? `cannot be read (${code})`}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: expected JSON: ${(error as Error).message}`);
  }
}
