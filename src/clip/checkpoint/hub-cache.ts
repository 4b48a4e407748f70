import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { copyFile, open, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  downloadFile,
  getHFHubCachePath,
  getRepoFolderName,
  HubApiError,
  listFiles,
  modelInfo,
} from '@huggingface/hub';
import { UserError } from '../../errors.js';
import { ensureFolder, writeFileAtomic } from '../../files/index.js';

/** Bytes of a model's files that are on disk, of those it needs. */
export interface DownloadProgress {
  /** The model's hub id. */
  readonly id: string;
  readonly done: number;
  readonly total: number;
}

export interface DownloadOptions {
  readonly onDownload?: (progress: DownloadProgress) => void;
}

/** A file as the hub lists it. */
interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-1 of the git object. */
  readonly oid?: string;
  /** SHA-256 of a file that git only points at. */
  readonly lfs?: { readonly oid: string };
}

const REVISION = 'main';

/**
 * The cached snapshot of a hub model, without any network.
 *
 * @throws UserError where there is none
 */
export async function cachedSnapshot(id: string): Promise<string> {
  const repo = repoFolder(id);
  const ref = join(repo, 'refs', REVISION);
  const snapshot = existsSync(ref) && join(repo, 'snapshots', (await readFile(ref, 'utf8')).trim());
  if (!snapshot || !existsSync(snapshot)) {
    throw new UserError(
      `${id}: no such folder, and HF_HUB_OFFLINE is set while ${repo} holds no snapshot of that model: ` +
        'give a folder, or fetch it once without HF_HUB_OFFLINE',
    );
  }
  return snapshot;
}

/**
 * Fetches files of a hub model into the cache that all Hugging Face libraries share (`HF_HUB_CACHE`, `HF_HOME`), in its
 * layout: `blobs/CHECKSUM`, `snapshots/COMMIT/NAME` pointing there, `refs/main`. What is there is not fetched again, a
 * partial file is continued, and a file enters the cache only if its checksum is the hub's.
 *
 * `HF_ENDPOINT` names another hub, `HF_TOKEN` a reader of private and gated models.
 *
 * @param choose which of the repository's files are needed
 * @returns the snapshot's folder
 * @throws UserError where the hub or the model cannot be reached, or a checksum differs
 */
export async function fetchSnapshot(
  id: string,
  choose: (names: readonly string[]) => readonly string[],
  { onDownload }: DownloadOptions = {},
): Promise<string> {
  const hub = {
    hubUrl: hubUrl(),
    repo: id,
    accessToken: token(),
    fetch: namingFetch,
  };
  const repo = repoFolder(id);
  const files: HubFile[] = [];
  let sha: string;
  try {
    ({ sha } = await modelInfo({ ...hub, name: id, revision: REVISION, additionalFields: ['sha'] }));
    for await (const entry of listFiles({ ...hub, revision: sha, recursive: true })) {
      if (entry.type === 'file') files.push(entry);
    }
  } catch (error) {
    throw refused(id, error);
  }
  const names = new Set(choose(files.map(({ path }) => path)));
  const chosen = files.filter(({ path }) => names.has(path));
  const snapshot = join(repo, 'snapshots', sha);
  const total = chosen.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of chosen) {
    const pointer = join(snapshot, file.path);
    if (!existsSync(pointer)) {
      const blob = await fetchBlob(file, join(repo, 'blobs'), { ...hub, revision: sha }, (bytes) =>
        onDownload?.({ id, done: done + bytes, total }),
      );
      await point(pointer, blob);
    }
    done += file.size;
  }
  // Last, so that what works offline is whole.
  await writeFileAtomic(join(repo, 'refs', REVISION), sha);
  return snapshot;
}

interface HubAccess {
  readonly repo: string;
  readonly revision: string;
  readonly hubUrl: string;
  readonly accessToken?: string;
  readonly fetch: typeof fetch;
}

/** One file as a blob of the cache; `onBytes` is told how many of its bytes are there. */
async function fetchBlob(
  file: HubFile,
  blobs: string,
  access: HubAccess,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const checksum = file.lfs?.oid ?? file.oid!;
  const blob = join(blobs, checksum);
  if (existsSync(blob)) return blob;
  await ensureFolder(blobs);
  const partial = `${blob}.incomplete`;
  let have = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  if (have > file.size) {
    await rm(partial);
    have = 0;
  }
  const where = `${access.repo}/${file.path}`;
  if (have < file.size) {
    const out = await open(partial, 'a');
    try {
      // Plain HTTP, as Xet's chunks cannot be continued in the middle of a file.
      const content = await downloadFile({ ...access, path: file.path, xet: false });
      if (!content) throw new Error('the hub has no such file');
      for await (const part of content.slice(have).stream() as unknown as AsyncIterable<Uint8Array>) {
        await out.writeFile(part);
        have += part.length;
        onBytes(have);
      }
      if (have < file.size) throw new Error('the hub closed the connection');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UserError(
        `${where}: the download broke off at ${have} of ${file.size} bytes (${reason}): run it again, it goes on from there`,
      );
    } finally {
      await out.close();
    }
  } else if (file.size === 0) await (await open(partial, 'a')).close();
  const sum = await checksumOf(partial, file);
  if (sum !== checksum) {
    await rm(partial);
    throw new UserError(
      `${where}: expected the checksum ${checksum}, got ${sum}: the download is damaged and was deleted; run it again`,
    );
  }
  await rename(partial, blob);
  return blob;
}

/** SHA-256, or for files that lie in git itself SHA-1 as git computes it. */
async function checksumOf(path: string, { lfs, size }: HubFile): Promise<string> {
  const sum = lfs ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  await pipeline(createReadStream(path), sum);
  return sum.digest('hex');
}

/** A snapshot's name for a blob: a link, as the layout has it, or a copy where the system makes none. */
async function point(pointer: string, blob: string): Promise<void> {
  await ensureFolder(dirname(pointer));
  await rm(pointer, { force: true }); // a link whose blob is gone
  try {
    await symlink(relative(dirname(pointer), blob), pointer);
  } catch {
    await copyFile(blob, pointer);
  }
}

function repoFolder(id: string): string {
  return join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: id }));
}

function token(): string | undefined {
  const given = process.env.HF_TOKEN?.trim();
  if (given && !given.startsWith('hf_')) throw new UserError('HF_TOKEN: expected a token that starts with hf_');
  return given || undefined;
}

function hubUrl(): string {
  return (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
}

/** `fetch` whose failures say what could not be reached, and why. */
async function namingFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  try {
    return await fetch(...request);
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    throw new Unreachable(`${hubUrl()} cannot be reached: ${cause?.code ?? message}`);
  }
}

class Unreachable extends Error {}

function refused(id: string, error: unknown): UserError {
  if (error instanceof Unreachable) {
    return new UserError(
      `${id}: no such folder, and no model of that name can be fetched (${error.message}): ` +
        'give a folder, or set HF_HUB_OFFLINE=1 to use what was fetched before',
    );
  }
  if (!(error instanceof HubApiError)) {
    return new UserError(`${id}: ${hubUrl()} did not answer as a hub does (${(error as Error).message})`);
  }
  const { statusCode: status } = error;
  // The hub answers 401 for names that do not exist, so as not to tell which private ones do.
  if (status === 401 || status === 403 || status === 404) {
    return new UserError(
      `${id}: no such folder, and ${hubUrl()} shows no model of that name (${status}): check it; ` +
        'a private or gated model needs HF_TOKEN',
    );
  }
  return new UserError(`${id}: ${hubUrl()} answered ${status} when asked for that model: try again later`);
}
