import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { ensureFolder, readJsonAs, writeFileAtomic } from '../files/index.js';

const attempt = z.object({
  /** ISO 8601. */
  started: z.string(),
  host: z.string(),
  /** Of the process that did the work. */
  pid: z.int().optional(),
  /** Left out while it runs, and of one whose supervisor was killed. */
  seconds: z.number().optional(),
  /** Exit code; of a process that was killed the signal instead. */
  code: z.int().optional(),
  signal: z.string().optional(),
  message: z.string().optional(),
});

const recordSchema = z.object({
  job: z.int().positive(),
  args: z.array(z.string()),
  state: z.enum(['running', 'done', 'failed']),
  attempts: z.array(attempt),
  /** What the call printed as JSON: its counts and measures. */
  result: z.unknown().optional(),
});

/** What became of a job. */
export type JobRecord = z.infer<typeof recordSchema>;
/** One attempt at a job: when, where and how it ended. */
export type JobAttempt = z.infer<typeof attempt>;

const setSchema = z.object({
  version: z.literal(1),
  /** Names the set's queue. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** How often a job is tried again. */
  retries: z.int().nonnegative(),
  /** Arguments of `promptkd`, one list a job. */
  jobs: z.array(z.array(z.string()).min(1)).min(1).max(100_000),
});

/** Jobs and their folder: `jobs.json`, and a record of each in `records/`. */
export interface JobSet extends z.infer<typeof setSchema> {
  readonly folder: string;
}

const JOBS = 'jobs.json';
const numbered = (job: number) => String(job).padStart(5, '0');
const recordFile = (folder: string, job: number) => join(folder, 'records', `${numbered(job)}.json`);
/** Held by whoever runs the job. */
export const jobLock = (folder: string, job: number): string => join(folder, 'records', `${numbered(job)}.lock`);
/** What the job's process wrote to stderr, in all attempts. */
export const jobLog = (folder: string, job: number): string => join(folder, 'logs', `${numbered(job)}.log`);

/**
 * Makes a set of jobs in a folder, or goes on with one that is there.
 *
 * @throws UserError where the folder holds other jobs
 */
export async function createJobSet(
  folder: string,
  jobs: readonly (readonly string[])[],
  retries: number,
): Promise<JobSet> {
  await ensureFolder(folder);
  const there = existsSync(join(folder, JOBS)) ? await readJobSet(folder) : undefined;
  const wanted = jobs.map((args) => [...args]);
  const differs = there && JSON.stringify(there.jobs) !== JSON.stringify(wanted);
  if (differs) {
    const i = wanted.findIndex((args, at) => JSON.stringify(args) !== JSON.stringify(there.jobs[at]));
    const of = (args: readonly string[] | undefined) => (args ? `promptkd ${args.join(' ')}` : 'nothing');
    const at = i < 0 ? wanted.length : i;
    throw new UserError(
      `${join(folder, JOBS)}: holds other jobs (job ${at + 1} is ${of(there.jobs[at])}, not ${of(wanted[at])}): give another folder, or delete this one`,
    );
  }
  const set = { version: 1 as const, id: there?.id ?? randomBytes(8).toString('hex'), retries, jobs: wanted };
  if (!there || there.retries !== retries)
    await writeFileAtomic(join(folder, JOBS), `${JSON.stringify(set, null, 1)}\n`);
  return { ...set, folder };
}

/**
 * Reads the jobs of a folder.
 *
 * @throws UserError where the folder holds no jobs, or a damaged list of them
 */
export async function readJobSet(folder: string): Promise<JobSet> {
  const path = join(folder, JOBS);
  if (!existsSync(path)) throw new UserError(`${path}: no such file: jobs are made by promptkd jobs run`);
  return { ...(await readJsonAs(path, setSchema)), folder };
}

/** What became of a job so far; undefined where nobody began it. @throws UserError for a damaged record */
export async function readRecord(folder: string, job: number): Promise<JobRecord | undefined> {
  const path = recordFile(folder, job);
  if (!existsSync(path)) return undefined;
  return readJsonAs(path, recordSchema);
}

export const writeRecord = (folder: string, record: JobRecord): Promise<void> =>
  writeFileAtomic(recordFile(folder, record.job), `${JSON.stringify(record, null, 1)}\n`);

/**
 * Records of all jobs that somebody began.
 *
 * @throws UserError for a damaged record
 */
export async function readRecords(folder: string): Promise<JobRecord[]> {
  const names = await readdir(join(folder, 'records')).catch(() => [] as string[]);
  const jobs = names.flatMap((name) => /^(\d{5,})\.json$/.exec(name)?.[1] ?? []).map(Number);
  const records = await Promise.all(jobs.sort((a, b) => a - b).map((job) => readRecord(folder, job)));
  return records.filter((record) => record !== undefined);
}
