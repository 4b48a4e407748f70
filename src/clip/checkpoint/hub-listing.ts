import { z } from 'zod';
import { UserError } from '../../errors.js';
import { issueError } from '../../schema-issue.js';

/** A file as the hub lists it, checked. */
export interface HubFile {
  /** Within the repository, `/` between folders. */
  readonly path: string;
  readonly size: number;
  /** SHA-1 of the git object, or SHA-256 of a file that git only points at: names its blob. */
  readonly checksum: string;
  /** Whether it is SHA-256. */
  readonly isLarge: boolean;
}

const sha1 = z.string().regex(/^[0-9a-f]{40}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
// All of it becomes names of files: a listing that says `../..` must not lead out of the cache.
const entry = z.object({
  path: z.string().max(1000).refine(isInside, { error: 'a path within the repository' }),
  size: z.int().nonnegative(),
  oid: sha1.optional(),
  lfs: z.object({ oid: sha256 }).optional(),
});

/** Whether a path stays within its folder, on any system. */
function isInside(path: string): boolean {
  return path.split('/').every((part) => /^[^\\:\p{Cc}]{1,255}$/u.test(part) && part !== '.' && part !== '..');
}

/** @throws UserError naming repository and field where an entry of a listing is none that may name a file */
export function parseHubFile(listed: unknown, repo: string): HubFile {
  const parsed = entry.safeParse(listed, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, `${repo}: the hub's list of files`);
  const { path, size, oid, lfs } = parsed.data;
  const checksum = lfs?.oid ?? oid;
  if (checksum === undefined) throw new UserError(`${repo}: the hub's list of files: expected a checksum of ${path}`);
  return { path, size, checksum, isLarge: lfs !== undefined };
}

/** @throws UserError where a revision is not a commit's name */
export function parseCommit(sha: unknown, label: string): string {
  const parsed = sha1.safeParse(sha, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw issueError(parsed.error.issues[0]!, label, 'revision');
}
