import type { z } from 'zod';
import { issueError } from '../schema-issue.js';
import { parseJson, readText, readTextSync } from './text.js';

/** Reads a JSON file. @throws UserError naming the file where it is missing, cannot be read or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), path);
}

/** Reads a JSON file of a known shape. @throws UserError naming the file, and the field that is not as expected */
export async function readJsonAs<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>> {
  return checkedJson(await readJson(path), schema, path);
}

/** {@link readJsonAs} for what must not wait. */
export function readJsonAsSync<S extends z.ZodType>(path: string, schema: S): z.infer<S> {
  return checkedJson(parseJson(readTextSync(path), path), schema, path);
}

/** A JSON value of a known shape. @param file names it in errors. @throws UserError naming the field that is not as expected */
export function checkedJson<S extends z.ZodType>(value: unknown, schema: S, file: string): z.infer<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw issueError(parsed.error.issues[0]!, file);
}
