import { parseJson, readText, readTextSync } from './text.js';

/** Reads a JSON file. @throws UserError naming the file where it is missing, cannot be read or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), path);
}

/** {@link readJson} for what must not wait. */
export function readJsonSync(path: string): unknown {
  return parseJson(readTextSync(path), path);
}
