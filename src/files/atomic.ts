import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cannotWrite } from './faults.js';
import { makeFolder } from './folders.js';
import { removeLeftovers } from './leftovers.js';

/** What a file is made of: text, bytes, or a sequence of bytes that need never be in memory together. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file so that readers see the old content or the new one whole, never a part, also after a crash:
 * a temporary name beside it, flushed to disk, then renamed over it. Missing folders are made; what earlier writes of
 * the same file left when they were killed is removed after a day.
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
  await named(makeFolder(folder));
  const prefix = `.${basename(path)}.`;
  await removeLeftovers(folder, (name) =>
    name.startsWith(prefix) ? /^(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined,
  );
  const temporary = join(folder, `${prefix}${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
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
}
