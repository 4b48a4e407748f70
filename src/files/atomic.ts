import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cannotWrite, refuseSpecial } from './faults.js';
import { makeFolder, syncFolder } from './folders.js';
import { removeLeftovers, temporaryPath } from './temporary.js';

/** What a file is made of: text, bytes, or a sequence of bytes that need never be in memory together. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file so that readers see the old content or the new one whole, never a part, also after a crash:
 * a temporary name beside it, flushed to disk, then renamed over it. Missing folders are made; what processes that were
 * killed left in the folder is removed.
 *
 * @throws UserError naming the file where the disk does not take it
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  /** The file system's own words would name the temporary file. */
  const named = <Value>(step: Promise<Value>): Promise<Value> =>
    step.catch((error) => {
      throw cannotWrite(path, error);
    });
  const folder = dirname(path);
  await refuseSpecial(path);
  await named(makeFolder(folder));
  await removeLeftovers(folder);
  const temporary = temporaryPath(path);
  const file = await named(open(temporary, 'wx', 0o644));
  try {
    try {
      const parts = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
      for (const part of parts) await named(file.writeFile(part));
      await named(file.sync());
    } finally {
      await file.close();
    }
    await named(rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await named(syncFolder(folder));
}

/**
 * Puts a file at another path too, in place of what is there: a link where the file system has them, otherwise a copy.
 *
 * @throws UserError naming the path where the disk does not take it
 */
export async function linkInPlace(from: string, path: string): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await link(from, temporary).catch(() => copyFile(from, temporary));
    await rename(temporary, path);
    // Where both are the same file already, renaming leaves the temporary name.
    await rm(temporary, { force: true });
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw cannotWrite(path, error);
  }
}
