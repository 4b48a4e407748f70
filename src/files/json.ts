import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { cannotRead } from './faults.js';

/** Reads a JSON file. @throws UserError naming the file where it is missing or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw cannotRead(path, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: expected JSON: ${(error as Error).message}`);
  }
}
