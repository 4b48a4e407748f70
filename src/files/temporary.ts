import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

const day = 24 * 3600 * 1000; // ms
/** What is left of a name, so that the whole stays within the 255 bytes of a file system. */
const nameBytes = 180;

/** Which process a file belongs to: as long as that runs, nobody else touches it. */
export interface Owner {
  /** Where process ids count: this machine since it was started, or a container on it. */
  readonly place: string;
  readonly pid: number;
}

/** Ids of processes mean something only among those that share this. */
const place = createHash('sha256')
  .update([hostname(), read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))].join('\n'))
  .update(read(() => readlinkSync('/proc/self/ns/pid')))
  .digest('hex')
  .slice(0, 8);

/** This process. */
export const self: Owner = { place, pid: process.pid };

/**
 * A name for what will stand at `path` when it is whole, beside it: `.NAME.PLACE-PID.RANDOM.tmp`. All temporary files and
 * folders are named here, so that {@link isTemporary} and {@link removeLeftovers} know them.
 */
export function temporaryPath(path: string): string {
  const owner = `${self.place}-${self.pid}`;
  return join(dirname(path), `.${short(basename(path))}.${owner}.${randomBytes(4).toString('hex')}.tmp`);
}

const pattern = /^\.(.+)\.([0-9a-f]{8})-(\d+)\.[0-9a-f]{8}\.tmp$/s;

/** Whether a file or folder of this name is temporary: not a part of what its folder holds. */
export const isTemporary = (name: string): boolean => pattern.test(name);

/** Whether it stands in for what will have this name. */
const isTemporaryOf = (name: string, wanted: string): boolean => pattern.exec(name)?.[1] === short(wanted);

/** Temporary files and folders in a folder whose process is gone. */
async function leftovers(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [, , where, pid] = pattern.exec(name) ?? [];
    if (where === undefined) continue;
    const path = join(folder, name);
    const changed = await lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (changed !== undefined && isGone({ place: where, pid: Number(pid) }, changed)) found.push(path);
  }
  return found;
}

/** Those that stand in for `path`. */
export async function leftoversOf(path: string): Promise<string[]> {
  const all = await leftovers(dirname(path));
  return all.filter((one) => isTemporaryOf(basename(one), basename(path)));
}

/** Removes what processes that were killed left in a folder; what cannot be removed stays. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const path of await leftovers(folder)) {
    // Another process may be quicker, or it is not ours to remove.
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

/**
 * Whether the owner of a file that was last changed at a time has ended. Of processes elsewhere that cannot be seen: they
 * are taken for ended when the file has not changed for so long.
 *
 * @param changed ms since 1970
 * @param elsewhere ms. @defaultValue a day
 */
export function isGone({ place: where, pid }: Owner, changed: number, elsewhere = day): boolean {
  if (where !== place) return Date.now() - changed > elsewhere;
  // An id is given again: what is older than this process is not this process's.
  if (pid === process.pid) return changed < Date.now() - process.uptime() * 1000 - 1000;
  return !runs(pid);
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function short(name: string): string {
  let end = name.length;
  while (Buffer.byteLength(name.slice(0, end)) > nameBytes) end--;
  return name.slice(0, end);
}

function read(from: () => string): string {
  try {
    return from();
  } catch {
    return ''; // not on Linux
  }
}
