import { existsSync } from 'node:fs';
import { availableParallelism, cpus, hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonAs, writeFileAtomic } from '../../files/index.js';
import { versions } from '../../files/recipe-file.js';
import { isLocked } from './run-lock.js';

const count = z.int().min(0);

const schema = z.object({
  version: z.literal(1),
  /** The same over all sittings of a run. */
  id: z.string(),
  /** What was run, by its name on the command line. */
  command: z.string(),
  state: z.enum(['running', 'stopped', 'finished', 'failed']),
  /** Why it failed. */
  error: z.string().optional(),
  /** ISO 8601; of the first sitting. */
  started: z.string(),
  /** Of the last sitting, once it is over. */
  ended: z.string().optional(),
  recipe: z.record(z.string(), z.unknown()),
  /** How it goes on; left out of a run that the library began, and of one inside another. */
  invocation: z.object({ args: z.array(z.string()), folder: z.string() }).optional(),
  data: z.object({ name: z.string(), fingerprint: z.string() }),
  /** The models that came in, by role. */
  models: z.record(
    z.string(),
    z.object({
      /** Folder, as seen from where the run was started, or hub id. */
      source: z.string().optional(),
      fingerprint: z.string().optional(),
    }),
  ),
  machine: z.object({
    host: z.string(),
    processor: z.string(),
    cores: z.int(),
    memory_bytes: z.number(),
    device: z.string(),
    threads: z.int().optional(),
    tensor_parallel: z.int(),
  }),
  versions: z.record(z.string(), z.string()),
  /** Updates done. */
  steps: count,
  /** Trained, over all sittings. */
  seconds: z.number().min(0),
  images_seen: count,
  /** Images that could not be read; others stood in for them. */
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })),
  /** What the run measured or counted at its end. */
  figures: z.record(z.string(), z.unknown()),
});

/** What a run is, and how far it came: `run.json`, of one form for all commands that train. */
export type RunRecord = z.infer<typeof schema>;

const file = 'run.json';

/** Writes `run.json` of a run folder. */
export async function writeRunRecord(runDir: string, record: RunRecord): Promise<void> {
  await writeFileAtomic(join(runDir, file), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Reads `run.json` of a run folder; undefined where there is none. A run whose process is gone is not running any more: it
 * is `stopped`.
 *
 * @throws UserError where it is not what was written
 */
export async function readRunRecord(runDir: string): Promise<RunRecord | undefined> {
  const path = join(runDir, file);
  if (!existsSync(path)) return undefined;
  const record = await readJsonAs(path, schema);
  return record.state === 'running' && !(await isLocked(runDir)) ? { ...record, state: 'stopped' } : record;
}

/** The machine and software that a run is on now. */
export function presentMachine(engine: {
  readonly device?: string;
  readonly threads?: number;
  readonly ranks?: number;
}): Pick<RunRecord, 'machine' | 'versions'> {
  return {
    machine: {
      host: hostname(),
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memory_bytes: totalmem(),
      device: engine.device ?? 'cpu',
      threads: engine.threads,
      tensor_parallel: engine.ranks ?? 1,
    },
    versions: versions(),
  };
}
