import { constants } from 'node:fs';
import { copyFile, link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cannotWrite } from './faults.js';
import { makeFolder } from './folders.js';
import { isGone, type Owner, removeLeftovers, self, temporaryPath } from './temporary.js';
import { jsonOrNothing } from './text.js';

/** A lock that this process holds. */
export interface Lock {
  release(): Promise<void>;
}

/** How often a holder says that it lives, and how long one elsewhere may say nothing; ms. */
const [beat, silence] = [30_000, 5 * 60_000];
/** What file systems without hard links answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Takes a lock: a file that one process at a time holds. One whose holder has ended, however, is free; of a holder on
 * another machine that is known when it has said nothing for five minutes.
 *
 * @param options.wait whether to wait until it is free. @defaultValue true
 * @returns undefined where another holds it and `wait` is false
 * @throws UserError where the file cannot be written; the signal's reason
 */
export async function lock(
  path: string,
  { wait: waits = true, signal }: { readonly wait?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Lock | undefined> {
  const own = temporaryPath(path);
  try {
    await makeFolder(dirname(path));
    await removeLeftovers(dirname(path));
    await writeFile(own, JSON.stringify(self), { flag: 'wx' });
    // A link, unlike a file that is made and then filled, is there with its content or not at all.
    while (!(await linked(own, path))) {
      if (await isFree(path)) await clear(path);
      else if (!waits) return undefined;
      else await wait(100 + Math.random() * 100, undefined, { signal });
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw cannotWrite(path, error);
  } finally {
    await rm(own, { force: true }).catch(() => {});
  }
  const pulse = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => {}); // whoever removed it will find out
  }, beat).unref();
  return {
    async release() {
      clearInterval(pulse);
      await rm(path, { force: true });
    },
  };
}

/** The process that holds a lock now; undefined where nobody does. */
export async function lockHolder(path: string): Promise<Owner | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined || (await isFree(path))) return undefined;
  return ownerOf(text);
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch((error: NodeJS.ErrnoException) => {
      if (!noLinks.has(error.code ?? '')) throw error;
      return copyFile(from, to, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isFree(path: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return isGone(ownerOf(text), mtimeMs, silence);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'; // gone in this moment
  }
}

/** Of a file that holds none, as on a disk that was full, somebody elsewhere. */
function ownerOf(text: string): Owner {
  const { place, pid } = (jsonOrNothing(text) ?? {}) as Partial<Owner>;
  return typeof place === 'string' && Number.isInteger(pid) && pid! > 0 ? { place, pid: pid! } : { place: '', pid: 0 };
}

/** Takes a dead lock away; one that another process has made in its place meanwhile is put back. */
async function clear(path: string): Promise<void> {
  const aside = temporaryPath(path);
  try {
    await rename(path, aside);
  } catch {
    return; // another process was quicker
  }
  if (!(await isFree(aside))) await linked(aside, path);
  await rm(aside, { force: true });
}
