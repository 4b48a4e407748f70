import { mkdir, open, opendir, rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { cannotWrite } from './faults.js';

/**
 * Makes a folder and those above it that are missing, for good. Node's own recursive `mkdir` never ends where a file system takes
 * no folders, as in /proc.
 *
 * @returns those that were made, the innermost first
 */
export async function makeFolder(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(folder); !(await isThere(at)); at = dirname(at)) missing.push(at);
  for (const [i, each] of missing.toReversed().entries()) {
    await mkdir(each).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was quicker.
      if (error.code === 'EEXIST') return;
      await removeEmpty(missing.slice(missing.length - i));
      throw error;
    });
    // What is written into it is lost with it, where a power cut finds its own name not on the disk.
    await syncFolder(dirname(each));
  }
  return missing;
}

/** @throws Error where the name is too long, before those above it are made for nothing */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENAMETOOLONG') throw error;
      return false;
    },
  );
}

/**
 * {@link makeFolder} for a folder that somebody named.
 *
 * @throws UserError naming it where it cannot be made, or is a file
 */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    await (await opendir(folder)).close();
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

/**
 * Brings the names in a folder to the disk: without it a file that was renamed may have its old content after a power cut.
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined); // Windows opens no folders, and needs none
  try {
    await handle?.sync();
  } catch (error) {
    // Some network file systems know no such thing.
    if (!['EINVAL', 'ENOTSUP', 'EPERM', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle?.close();
  }
}

/** Removes folders as long as they are empty. */
export async function removeEmpty(folders: readonly string[]): Promise<void> {
  try {
    for (const folder of folders) await rmdir(folder);
  } catch {
    // Something lies there by now.
  }
}
