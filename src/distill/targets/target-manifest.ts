import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { hash, jsonOrNothing, readTextSync, writeFileAtomic } from '../../files/index.js';
import { describeIssue } from '../../schema-issue.js';
import { targetPrecisions } from './target-layout.js';

const size = z.int().positive();
const shard = z.object({
  // Only a name that the store gives: nothing else is ever read or deleted.
  file: z.string().regex(/^shard-\d{5,}\.bin$/),
  records: size,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const contents = z.object({
  size,
  embed: size,
  tokens: z.int().nonnegative(),
  width: z.int().nonnegative(),
  hidden: z.array(size),
  attention: z.array(size),
  precision: z.enum(targetPrecisions).optional(),
});
const fingerprint = z.record(z.string(), z.union([z.string(), z.number()]));
/** An image that could not be read: its records show the one that stands in for it, and are not used. */
const unreadable = z.object({ example: z.int().nonnegative(), id: z.string(), reason: z.string() });
const schema = z.object({
  version: z.literal(3),
  fingerprint,
  contents,
  shards: z.array(shard),
  unreadable: z.array(unreadable),
});

/** What says of a file `manifest.json` that a target store wrote it, of this version or another, damaged or not. */
const anyVersion = z.object({ version: z.number(), fingerprint });

/** What a store was made from; each field is compared, and named where it differs. */
export type StoreFingerprint = Readonly<z.infer<typeof fingerprint>>;

/** What a target store holds. Records are counted through the shards, in their order. */
export type TargetManifest = z.infer<typeof schema>;

export const MANIFEST = 'manifest.json';
/** The teacher's features of texts, beside the shards. */
export const TEXTS = 'texts.safetensors';

/** Name of the shard with number `n`, from 0. */
export const shardFile = (n: number): string => `shard-${String(n).padStart(5, '0')}.bin`;

/** Whether a file of this name is the store's in a folder that is one. */
export const isStoreFile = (name: string): boolean =>
  name === MANIFEST || name === TEXTS || shard.shape.file.safeParse(name).success;

/**
 * Reads a store's manifest; undefined where the folder has none.
 *
 * @throws UserError naming the file and the field that is not as it was written
 */
export function readManifest(dir: string): TargetManifest | undefined {
  const path = join(dir, MANIFEST);
  if (!existsSync(path)) return undefined;
  const value = readAny(path);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success && isSealed(value as object)) return parsed.data;
  const fault = parsed.success ? 'its checksum differs' : describeIssue(parsed.error.issues[0]!);
  const what = 'these stored teacher targets are damaged or of another version';
  throw new UserError(`${path}: ${fault}: ${what}; ${remedy(dir)}`);
}

/** Writes a store's manifest, with a checksum of what it says. @throws UserError where it cannot be written */
export async function writeManifest(dir: string, manifest: TargetManifest): Promise<void> {
  const sum = hash(JSON.stringify(manifest));
  await writeFileAtomic(join(dir, MANIFEST), JSON.stringify({ ...manifest, checksum: sum }, null, 1));
}

/** Whether a manifest says what it said when it was written. */
function isSealed({ checksum, ...said }: { readonly checksum?: unknown }): boolean {
  return checksum === hash(JSON.stringify(said));
}

/** Whether the folder's manifest was written by a target store, whatever its state. @throws UserError where it cannot be read */
export function isStore(dir: string): boolean {
  const path = join(dir, MANIFEST);
  return existsSync(path) && anyVersion.safeParse(readAny(path)).success;
}

/** What to do about a store that cannot be used. */
export const remedy = (dir: string): string =>
  `delete the folder ${dir} to have them extracted anew, or give another one`;

/** A JSON file's value; undefined where it is not JSON. @throws UserError where it cannot be read: nothing is said of it then */
const readAny = (path: string): unknown => jsonOrNothing(readTextSync(path));
