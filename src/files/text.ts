import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { cannotRead, refuseDevice } from './faults.js';

/** The text of a file, without a byte order mark. @throws UserError naming the file where it cannot be read */
export async function readText(path: string): Promise<string> {
  try {
    refuseDevice(await stat(path));
    return withoutMark(await readFile(path, 'utf8'));
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** {@link readText} for what must not wait. */
export function readTextSync(path: string): string {
  try {
    refuseDevice(statSync(path));
    return withoutMark(readFileSync(path, 'utf8'));
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Levels of lists and objects: whoever walks through them calls itself for each. */
const maxDepth = 200;

/** The value of a text in JSON. @throws UserError naming the file, or what the text is, where it is not JSON or very deep */
export function parseJson(text: string, label: string): unknown {
  if (isDeep(text)) throw new UserError(`${label}: expected at most ${maxDepth} levels of lists and objects`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${label}: expected JSON: ${(error as Error).message}`);
  }
}

/** The value of a text in JSON; undefined where it is none, or very deep. */
export function jsonOrNothing(text: string | undefined): unknown {
  if (text === undefined || isDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isDeep(text: string): boolean {
  const signs = /["[\]{}]/g;
  let depth = 0;
  for (let sign = signs.exec(text); sign; sign = signs.exec(text)) {
    if (sign[0] === '"') {
      let end = text.indexOf('"', signs.lastIndex);
      while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
      if (end < 0) return false; // no JSON
      signs.lastIndex = end + 1;
    } else if (sign[0] === '[' || sign[0] === '{') {
      if (++depth > maxDepth) return true;
    } else depth--;
  }
  return false;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}

const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text);
