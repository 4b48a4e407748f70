import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeFileAtomic } from '../../files/index.js';
import { issueError } from '../../schema-issue.js';

const numbered = (round: number) => String(round).padStart(5, '0');

/** What a replica found in a round. */
export const shareFile = (folder: string, round: number, replica: number): string =>
  join(sharesFolder(folder, round), `replica-${numbered(replica)}.safetensors`);

export const sharesFolder = (folder: string, round: number): string =>
  join(folder, 'shares', `round-${numbered(round)}`);

/** The state of all after a round. */
export const mergedFile = (folder: string, phase: string, round: number): string =>
  join(phaseFolder(folder, phase), `round-${numbered(round)}.safetensors`);

const phaseFolder = (folder: string, phase: string) => join(folder, 'merged', phase);

const positionSchema = z.object({
  phase: z.string(),
  step: z.int().nonnegative(),
  /** Of the whole phase. */
  steps: z.int().nonnegative(),
  /** Replicas whose shares are in it. */
  shares: z.array(z.int().positive()),
});

/** Where a phase stood after a round. */
export type RoundRecord = z.infer<typeof positionSchema>;

export interface MergedState extends RoundRecord {
  /** State file. */
  readonly path: string;
  readonly round: number;
}

const recordOf = (path: string) => path.replace(/\.safetensors$/, '.json');

/** Says that a merged state is whole, and where it stands. */
export const writeRoundRecord = (path: string, record: RoundRecord): Promise<void> =>
  writeFileAtomic(recordOf(path), `${JSON.stringify(record)}\n`);

/** The merged state of a round; undefined where it is not there yet. @throws UserError for a damaged record */
export async function readMerged(folder: string, phase: string, round: number): Promise<MergedState | undefined> {
  const path = mergedFile(folder, phase, round);
  if (!existsSync(recordOf(path))) return undefined;
  const parsed = positionSchema.safeParse(await readJson(recordOf(path)), { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, recordOf(path));
  return { ...parsed.data, path, round };
}

/** The last merged state of a phase, of rounds before the one given. */
export async function lastMerged(
  folder: string,
  phase: string,
  before = Number.POSITIVE_INFINITY,
): Promise<MergedState | undefined> {
  const names = existsSync(phaseFolder(folder, phase)) ? await readdir(phaseFolder(folder, phase)) : [];
  const rounds = names.flatMap((name) => /^round-(\d{5,})\.json$/.exec(name)?.[1] ?? []).map(Number);
  const round = Math.max(...rounds.filter((number) => number < before));
  return Number.isFinite(round) ? readMerged(folder, phase, round) : undefined;
}
