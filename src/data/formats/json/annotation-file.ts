import { basename, dirname, resolve } from 'node:path';
import type { ZodType } from 'zod';
import { UserError } from '../../../errors.js';
import { issueError } from '../../../schema-issue.js';
import { readWholeText } from '../text-file.js';

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
