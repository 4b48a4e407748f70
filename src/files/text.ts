import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { cannotRead } from './faults.js';

/** The text of a file, without a byte order mark. @throws UserError naming the file where it cannot be read */
export async function readText(path: string): Promise<string> {
  return withoutMark(
    await readFile(path, 'utf8').catch((error) => {
      throw cannotRead(path, error);
    }),
  );
}

/** {@link readText} for what must not wait. */
export function readTextSync(path: string): string {
  try {
    return withoutMark(readFileSync(path, 'utf8'));
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** The value of a text in JSON. @throws UserError naming the file, or what the text is, where it is not JSON */
export function parseJson(text: string, label: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${label}: expected JSON: ${(error as Error).message}`);
  }
}

const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text);
