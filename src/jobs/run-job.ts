import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import { ensureFolder, jsonOrNothing, lock } from '../files/index.js';
import { type JobAttempt, type JobRecord, type JobSet, jobLock, jobLog, readRecord, writeRecord } from './job-set.js';

/** Options of {@link runJob}. */
export interface RunJobOptions {
  /** The program and its first arguments. @defaultValue this package's command line */
  readonly command?: readonly string[];
  /** Stops the job's process, which may save; the job is neither done nor failed then. */
  readonly signal?: AbortSignal;
  /** First wait before a job is tried again; it doubles. @defaultValue 1000 ms */
  readonly backoffMs?: number;
}

/** `busy`: another process runs it. */
export type JobOutcome = 'done' | 'already' | 'failed' | 'busy' | 'stopped';

/** Exit codes: bad input stays bad; what is busy is free again before long. */
const [badInput, busy] = [2, 75];
const longestBackoff = 60_000; // ms
/** Of what a job prints. */
const mostOutput = 4 << 20;

/** The command line beside this file, as built. */
export const ownCommand = (): string[] => [process.execPath, fileURLToPath(new URL('../cli/main.js', import.meta.url))];

/**
 * Runs a job of a set, unless it is done: `promptkd ARGS --json` in a process of its own, so that whoever supervises it never
 * stands still. What it writes to stderr goes to `logs/`, what became of it to `records/`. It is tried again where it ends
 * otherwise than by its own result or by bad input.
 *
 * @param job from 1
 * @throws UserError where there is no such job, or the folder cannot be written
 */
export async function runJob(set: JobSet, job: number, options: RunJobOptions = {}): Promise<JobOutcome> {
  const args = set.jobs[job - 1];
  if (!args) throw new UserError(`${set.folder}: expected a job from 1 to ${set.jobs.length}, got ${job}`);
  const held = await lock(jobLock(set.folder, job), { wait: false });
  if (!held) return 'busy';
  try {
    const before = await readRecord(set.folder, job);
    if (before?.state === 'done') return 'already';
    const record: JobRecord = { job, args, state: 'running', attempts: before?.attempts ?? [] };
    return await attempts(set, record, options);
  } finally {
    await held.release();
  }
}

async function attempts(set: JobSet, record: JobRecord, options: RunJobOptions): Promise<JobOutcome> {
  const { signal, backoffMs = 1000 } = options;
  for (let failures = 0; ; ) {
    if (signal?.aborted) return 'stopped';
    const { attempt, output } = await attemptOf(set, record, options);
    const isDone = attempt.code === 0;
    if (!isDone && attempt.code !== busy) failures++;
    const isOver = !isDone && (attempt.code === badInput || failures > set.retries);
    record.state = isDone ? 'done' : isOver && !signal?.aborted ? 'failed' : 'running';
    if (isDone) record.result = lastJson(output);
    await writeRecord(set.folder, record);
    if (record.state !== 'running') return record.state;
    if (signal?.aborted) return 'stopped';
    const tries = record.attempts.length;
    await wait(Math.min(longestBackoff, backoffMs * 2 ** Math.min(tries - 1, 10)), undefined, { signal }).catch(
      () => {},
    );
  }
}

/** One process, from its start to its end. The record says that it runs, and then how it ended. */
async function attemptOf(
  { folder }: JobSet,
  record: JobRecord,
  { command = ownCommand(), signal }: RunJobOptions,
): Promise<{ attempt: JobAttempt; output: string }> {
  const began = performance.now();
  const [program, ...first] = command;
  const log = jobLog(folder, record.job);
  await ensureFolder(dirname(log));
  const more = record.args.includes('--json') ? [] : ['--json'];
  const child = spawn(program!, [...first, ...record.args, ...more], {
    // The first pipe says nothing: its end tells the process that its supervisor is gone.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PROMPTKD_JOB: String(record.job) },
  });
  const attempt: JobAttempt = { started: new Date().toISOString(), host: hostname(), pid: child.pid };
  record.attempts.push(attempt);
  const stop = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  let [output, errors] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-mostOutput);
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const file = createWriteStream(log, { flags: 'a' });
  // A log that cannot be written is no reason to end the work: its result is.
  file.on('error', () => {});
  child.stderr!.pipe(file);
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      attempt.message = error.message;
      resolve();
    });
    child.once('close', (code, name) => {
      if (code !== null) attempt.code = code;
      if (name) attempt.signal = name;
      resolve();
    });
  });
  try {
    await writeRecord(folder, record);
    await ended;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  attempt.seconds = (performance.now() - began) / 1000;
  if (attempt.code !== 0) attempt.message ??= lastLine(errors);
  return { attempt, output };
}

const lastLine = (text: string): string | undefined => text.trim().split('\n').at(-1) || undefined;

/** What a command prints with `--json`: one object on the last line; undefined where it prints none. */
const lastJson = (output: string): unknown => jsonOrNothing(output.trim().split('\n').at(-1));
