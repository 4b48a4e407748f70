import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { getHFHubCachePath, getRepoFolderName, HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { UserError } from '../../errors.js';
import { readText, writeFileAtomic } from '../../files/index.js';
import { fetchBlob, point } from './hub-blob.js';
import { type HubFile, parseCommit, parseHubFile } from './hub-listing.js';
import { proxiedFetch, proxyFor } from './proxied-fetch.js';

/** Bytes of a model's files that are on disk, of those it needs. */
export interface DownloadProgress {
  /** The model's hub id. */
  readonly id: string;
  readonly done: number;
  readonly total: number;
}

/** How models are fetched from the hub, where a name is a hub id. */
export interface DownloadOptions {
  readonly onDownload?: (progress: DownloadProgress) => void;
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
  const snapshot = existsSync(ref) && join(repo, 'snapshots', parseCommit((await readText(ref)).trim(), ref));
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
 * partial file is continued, and a file enters the cache only if its checksum is the hub's. Processes that want the same
 * model fetch each file once, in turn.
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
    const info = await modelInfo({ ...hub, name: id, revision: REVISION, additionalFields: ['sha'] });
    sha = parseCommit(info.sha, id);
    for await (const entry of listFiles({ ...hub, revision: sha, recursive: true })) {
      if (entry.type === 'file') files.push(parseHubFile(entry, id));
    }
  } catch (error) {
    throw error instanceof UserError ? error : refused(id, error);
  }
  const names = new Set(choose(files.map(({ path }) => path)));
  const chosen = files.filter(({ path }) => names.has(path));
  const snapshot = join(repo, 'snapshots', sha);
  const folders = { blobs: join(repo, 'blobs'), locks: join(dirname(repo), '.locks', basename(repo)) };
  const total = chosen.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of chosen) {
    const pointer = join(snapshot, file.path);
    if (!existsSync(pointer)) {
      const blob = await fetchBlob(file, folders, { ...hub, revision: sha }, (bytes) =>
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

/** {@link proxiedFetch} whose failures say what could not be reached, and why. */
async function namingFetch(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const address = input instanceof Request ? input.url : String(input);
  try {
    return await proxiedFetch(address, init);
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    const proxy = proxyFor(address);
    // Its name and password, where it has some, are nobody's business.
    const by = proxy ? ` by the proxy ${URL.canParse(proxy) ? new URL(proxy).host : 'that HTTPS_PROXY names'}` : '';
    throw new Unreachable(`${hubUrl()} cannot be reached${by}: ${cause?.code ?? message}`);
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
