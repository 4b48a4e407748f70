import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { UserError } from '../errors.js';
import { bytesIn } from '../files/index.js';
import { type HistoryEntry, historyFile, parseHistoryLine, type RunRecord, readRunRecord } from '../train/index.js';

/** A run's folder as a list shows it. */
export interface FoundRun {
  readonly folder: string;
  /** As seen from the folder that was searched. */
  readonly name: string;
  readonly record: RunRecord;
  /** The last step in its history, and the last one that was measured, so far as they stand near its end. */
  readonly last?: HistoryEntry;
  readonly measured?: HistoryEntry;
  /** On disk, runs inside of it included. */
  readonly bytes: number;
}

/** Folders of a run that hold no other runs, however deep. */
const within = /^(best|student|model|onnx|targets|tensorboard|phase-.*|node_modules|\..*)$/;
/** Levels below the folder that is searched: `runs/tuning/seed-1/2-pets` is one of the deepest. */
const deepest = 5;

/**
 * The runs in a folder and the folders in it, each with its record: itself first, then by name.
 *
 * @param onBroken told of a `run.json` that cannot be read; it is left out
 * @throws UserError where there is no such folder
 */
export async function findRuns(folder: string, onBroken?: (message: string) => void): Promise<FoundRun[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UserError(`${folder}: expected a folder of runs, found none`);
  const found: FoundRun[] = [];
  const visit = async (at: string, depth: number): Promise<void> => {
    try {
      const run = await readRun(at, relative(folder, at) || '.');
      if (run) found.push(run);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      onBroken?.(error.message);
    }
    if (depth === deepest) return;
    const inside = readdirSync(at, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && !within.test(entry.name),
    );
    for (const { name } of inside.sort((a, b) => (a.name < b.name ? -1 : 1))) await visit(join(at, name), depth + 1);
  };
  await visit(folder, 0);
  return found;
}

/**
 * One run's folder.
 *
 * @throws UserError where it is none
 */
export async function openRun(folder: string): Promise<FoundRun> {
  const run = await readRun(folder, folder);
  if (run) return run;
  throw new UserError(`${folder}: expected the folder of a run, with run.json, found none`);
}

async function readRun(folder: string, name: string): Promise<FoundRun | undefined> {
  const record = await readRunRecord(folder);
  if (!record) return undefined;
  const entries = lastEntries(join(folder, historyFile));
  return {
    ...{ folder, name, record, bytes: bytesIn(folder) },
    ...{ last: entries.at(-1), measured: entries.findLast(({ evaluation }) => evaluation) },
  };
}

/** Bytes at a history's end that are read: some hundred steps. */
const tail = 2 ** 17;

function lastEntries(file: string): HistoryEntry[] {
  if (!existsSync(file)) return [];
  const { size } = statSync(file);
  const from = Math.max(0, size - tail);
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(size - from);
    readSync(handle, bytes, 0, bytes.length, from);
    const lines = bytes.toString('utf8').split('\n');
    return lines.flatMap((line) => parseHistoryLine(line) ?? []);
  } finally {
    closeSync(handle);
  }
}
