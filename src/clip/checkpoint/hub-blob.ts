import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { copyFile, open, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { downloadFile } from '@huggingface/hub';
import { UserError } from '../../errors.js';
import { cannotWrite, ensureFolder, leftoversOf, lock, syncFolder, temporaryPath } from '../../files/index.js';
import type { HubFile } from './hub-listing.js';

/** Where a repository's files are fetched from, in one revision. */
export interface HubAccess {
  readonly repo: string;
  readonly revision: string;
  readonly hubUrl: string;
  readonly accessToken?: string;
  readonly fetch: typeof fetch;
}

/**
 * One file as a blob of a cache, under the name of its checksum. One process at a time fetches it, into a file of its own
 * that gets the name when its checksum is right; what an earlier one left is continued.
 *
 * @param locks folder of the cache's locks
 * @param onBytes is told how many of its bytes are there
 * @throws UserError where the download breaks off, or the checksum differs
 */
export async function fetchBlob(
  file: HubFile,
  { blobs, locks }: { readonly blobs: string; readonly locks: string },
  access: HubAccess,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const blob = join(blobs, file.checksum);
  if (isWhole(blob, file)) return blob;
  await ensureFolder(blobs);
  const held = await lock(join(locks, `${file.checksum}.promptkd.lock`));
  try {
    if (!isWhole(blob, file)) await download(file, blob, access, onBytes);
  } finally {
    await held?.release();
  }
  return blob;
}

/** Whether a blob is there, as long as it should be: of an older program's doubled or cut ones the length tells. */
function isWhole(blob: string, { size }: HubFile): boolean {
  return statSync(blob, { throwIfNoEntry: false })?.size === size;
}

async function download(
  file: HubFile,
  blob: string,
  access: HubAccess,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const where = `${access.repo}/${file.path}`;
  const incomplete = `${blob}.incomplete`;
  const own = temporaryPath(blob);
  const named = (error: unknown): never => {
    throw error instanceof UserError ? error : cannotWrite(blob, error);
  };
  let have = await claim(blob, incomplete, own).catch(named);
  if (have > file.size) {
    await rm(own);
    have = 0;
  }
  if (have < file.size) {
    try {
      await append(file, { own, blob }, have, access, (bytes) => {
        have = bytes;
        onBytes(bytes);
      });
    } catch (error) {
      await rename(own, incomplete).catch(() => {}); // for whoever goes on
      if (error instanceof UserError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UserError(
        `${where}: the download broke off at ${have} of ${file.size} bytes (${reason}): run it again, it goes on from there`,
      );
    }
  } else if (file.size === 0) await (await open(own, 'a')).close();
  const sum = await checksumOf(own, file);
  if (sum !== file.checksum) {
    await rm(own);
    throw new UserError(
      `${where}: expected the checksum ${file.checksum}, got ${sum}: the download is damaged and was deleted; run it again`,
    );
  }
  await rename(own, blob).catch(named);
  await syncFolder(dirname(blob)).catch(named);
}

/** Makes what is there of a blob this process's own: what broke off, or was left by one that was killed. @returns its bytes */
async function claim(blob: string, incomplete: string, own: string): Promise<number> {
  for (const from of [incomplete, ...(await leftoversOf(blob))]) {
    try {
      await rename(from, own);
      return (await stat(own)).size;
    } catch {
      // Nothing there, or another process was quicker.
    }
  }
  return 0;
}

async function append(
  file: HubFile,
  { own, blob }: { readonly own: string; readonly blob: string },
  from: number,
  access: HubAccess,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const out = await open(own, 'a').catch((error) => {
    throw cannotWrite(blob, error);
  });
  let have = from;
  try {
    // Plain HTTP, as Xet's chunks cannot be continued in the middle of a file.
    const content = await downloadFile({ ...access, path: file.path, xet: false });
    if (!content) throw new Error('the hub has no such file');
    for await (const part of content.slice(have).stream() as unknown as AsyncIterable<Uint8Array>) {
      // A hub that sends without end must not fill the disk.
      if (have + part.length > file.size) throw new Error('the hub sends more than it said');
      await out.writeFile(part).catch((error) => {
        throw cannotWrite(blob, error);
      });
      have += part.length;
      onBytes(have);
    }
    if (have < file.size) throw new Error('the hub closed the connection');
    await out.sync();
  } finally {
    await out.close();
  }
}

/** SHA-256, or for files that lie in git itself SHA-1 as git computes it. */
async function checksumOf(path: string, { isLarge, size }: HubFile): Promise<string> {
  const sum = isLarge ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  await pipeline(createReadStream(path), sum);
  return sum.digest('hex');
}

/** A snapshot's name for a blob: a link, as the layout has it, or a copy where the system makes none; there whole or not. */
export async function point(pointer: string, blob: string): Promise<void> {
  await ensureFolder(dirname(pointer));
  const own = temporaryPath(pointer);
  try {
    await symlink(relative(dirname(pointer), blob), own).catch(() => copyFile(blob, own));
    await rename(own, pointer);
    await syncFolder(dirname(pointer));
  } catch (error) {
    await rm(own, { force: true });
    throw cannotWrite(pointer, error);
  }
}
