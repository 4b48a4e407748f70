import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ZodType } from 'zod';
import { UserError } from '../../errors.js';
import { issueError } from '../../schema-issue.js';
import { readWholeText } from './text-file.js';

/** Reads a JSON file of a known shape. @throws UserError naming the file and the field that is not as expected */
export async function readShaped<T>(file: string, shape: ZodType<T>): Promise<T> {
  const text = await readWholeText(file);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}: expected JSON: ${(error as Error).message}`);
  }
  const result = shape.safeParse(content, { reportInput: true });
  if (result.success) return result.data;
  throw issueError(result.error.issues[0]!, file);
}

/** The folder that an annotation file belongs to: its own, or the one above `annotations/`. */
export function folderOf(file: string): string {
  const own = dirname(resolve(file));
  return basename(own) === 'annotations' ? dirname(own) : own;
}

/**
 * Where below a folder the images of an annotation file lie: the place that has most of the first ones, of equal
 * places the first; or the folder itself.
 * @returns the place with a slash at its end, or an empty string
 */
export function placeOf(folder: string, places: readonly string[], images: readonly string[]): string {
  let best = { place: '', hits: 0 };
  for (const place of places) {
    // Tables may leave the ending out.
    const isThere = (name: string) =>
      ['', '.jpg', '.png'].some((ending) => existsSync(join(folder, place, name + ending)));
    const hits = images.slice(0, 20).filter(isThere).length;
    if (hits > best.hits) best = { place: place === '.' ? '' : `${place}/`, hits };
  }
  return best.place;
}
