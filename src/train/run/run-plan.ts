import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '../../errors.js';

/** Something that a run keeps on disk. */
export interface PlannedFiles {
  readonly what: string;
  readonly folder: string;
  /** That are still to be written. */
  readonly bytes: number;
  /** What it grows with: `view`, and how much it takes of each. */
  readonly each?: { readonly what: string; readonly bytes: number };
  /** How it could be smaller, for the sentence that refuses it. */
  readonly remedy?: string;
}

/** What a run will do, before it begins. Times and memory are estimates from a few timed steps. */
export interface RunPlan {
  /** Parameters that learn or stand still, by part. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly phases: readonly { readonly name: string; readonly steps: number; readonly lr?: number }[];
  /** Images that are trained on, and that all steps together see. */
  readonly images: number;
  readonly imagesSeen: number;
  /** Before the first step, such as the teacher's targets. */
  readonly preparations: readonly { readonly what: string; readonly seconds?: number }[];
  /** Of training; left out where no step was timed. */
  readonly seconds?: number;
  /** Most memory that the process held while steps were timed; on a device with a memory of its own, that of the host. */
  readonly memory?: number;
  readonly files: readonly PlannedFiles[];
  readonly device: string;
  /** What was chosen, and what else could be, in sentences. */
  readonly notes: readonly string[];
}

/** Bytes that may still be written where a folder is, or will be. */
export async function freeBytes(folder: string): Promise<number> {
  let at = resolve(folder);
  while (!existsSync(at)) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return bavail * bsize;
}

/**
 * Refuses a plan whose files do not fit on the disk.
 *
 * @throws UserError saying what is needed, what is free, and what to do
 */
export async function checkRoom({ files }: Pick<RunPlan, 'files'>): Promise<void> {
  for (const { what, folder, bytes, remedy } of files) {
    const free = await freeBytes(folder);
    if (bytes <= free) continue;
    throw new UserError(
      `${folder}: ${what} would take ${gigabytes(bytes)}, and ${gigabytes(free)} are free there: ${remedy ? `${remedy}, or ` : ''}give a folder on another disk`,
    );
  }
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(3)} GB`;
