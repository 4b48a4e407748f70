import { join } from 'node:path';
import { readLines } from '../../files/index.js';

/** Class names beside the images, one a line. */
export const classFiles = ['classes.txt', 'classnames.txt', 'class_names.txt', 'labels.txt'] as const;

/**
 * Class names from a file `classes.txt` or its like in a folder, in its order; undefined where there is none. Names are
 * trimmed, empty lines are left out, and so are numbers before the names (`0 cat`, `1 dog`) where they count the lines.
 *
 * @throws UserError where it is not UTF-8
 */
export async function classesBeside(folder: string): Promise<string[] | undefined> {
  for (const name of classFiles) {
    const lines = await readLines(join(folder, name));
    if (lines) return withoutNumbers(lines.map((line) => line.trim()).filter((line) => line !== ''));
  }
  return undefined;
}

function withoutNumbers(lines: string[]): string[] {
  const parts = lines.map((line) => /^(\d+)[\s:,]+(.+)$/.exec(line));
  const first = Number(parts[0]?.[1]);
  const names = parts.map((part) => part?.[2] ?? '');
  const areCounted = first <= 1 && parts.every((part, i) => part !== null && Number(part[1]) === first + i);
  return areCounted && new Set(names).size === names.length ? names : lines;
}
