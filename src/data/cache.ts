import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../files/index.js';

/**
 * Where things that can be made again are kept: `PROMPTKD_CACHE`, or `promptkd` in the user's cache folder; of a user
 * without a home in the system's folder for temporary files.
 */
export function cacheFolder(): string {
  const { PROMPTKD_CACHE, XDG_CACHE_HOME } = process.env;
  return PROMPTKD_CACHE || (XDG_CACHE_HOME ? join(XDG_CACHE_HOME, 'promptkd') : join(homeCache(), 'promptkd'));
}

function homeCache(): string {
  const user = process.getuid?.() ?? '';
  try {
    // A user id that the system has no entry for, as containers run under, has no home.
    return homedir() ? join(homedir(), '.cache') : join(tmpdir(), `cache-${userInfo().username}`);
  } catch {
    return join(tmpdir(), `cache-${user}`);
  }
}

const sumLength = 64;
const sumOf = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * What is kept in the cache under a name; undefined where there is nothing, it cannot be read, or it is not as it was
 * written: then it is made again.
 */
export async function readKept(name: string): Promise<string | undefined> {
  const content = await readFile(join(cacheFolder(), name), 'utf8').catch(() => undefined);
  if (content === undefined) return undefined;
  const text = content.slice(sumLength + 1);
  return content.slice(0, sumLength) === sumOf(text) ? text : undefined;
}

/** Keeps a text in the cache under a name, with its checksum. Where the cache cannot be written nothing is kept. */
export async function keep(name: string, text: string): Promise<void> {
  await keepBytes(name, `${sumOf(text)}\n${text}`);
}

/** Keeps bytes in the cache as they are. @returns whether they could be written */
export async function keepBytes(name: string, content: string | Iterable<Uint8Array>): Promise<boolean> {
  try {
    await writeFileAtomic(join(cacheFolder(), name), content);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

let temporary: string | undefined;

/** A folder for what must lie in some file where the cache cannot be written. It goes with the process. */
export function temporaryFolder(): string {
  if (temporary === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'promptkd-unpacked-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    temporary = made;
  }
  return temporary;
}
