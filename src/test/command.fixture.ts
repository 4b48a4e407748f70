import { existsSync } from 'node:fs';
import type * as cli from '../cli/run-command.js';

/** What a command printed, and its exit code. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const built = new URL('../../dist/cli/run-command.js', import.meta.url);

/**
 * Runs a command of the built command line in this process, which saves its start: a second of each test that is not about
 * signals, terminals or the process itself. One at a time.
 */
export async function promptkd(...args: readonly string[]): Promise<Ended> {
  if (!existsSync(built)) throw new Error('the command line is tested as built: run "npm run build" first');
  const { runCommand } = (await import(built.href)) as typeof cli;
  const { stdout, stderr, exitCode } = process;
  const write = [stdout.write, stderr.write] as const;
  const said = { out: '', err: '' };
  const here = process.cwd();
  const heard = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  stdout.write = into(said, 'out');
  stderr.write = into(said, 'err');
  try {
    process.exitCode = 0;
    await runCommand([process.execPath, 'promptkd', ...args]);
    return { ...said, code: Number(process.exitCode) };
  } finally {
    [stdout.write, stderr.write] = write;
    process.exitCode = exitCode;
    // `resume` goes to the folder that its run was begun in.
    process.chdir(here);
    // A command's process ends with it, and what listens for signals there.
    for (const [signal, before] of heard) {
      for (const listener of process.listeners(signal)) {
        if (!before.includes(listener)) process.removeListener(signal, listener);
      }
    }
  }
}

/** {@link promptkd} as called in `folder`. */
export async function promptkdIn(folder: string, ...args: readonly string[]): Promise<Ended> {
  const here = process.cwd();
  process.chdir(folder);
  try {
    return await promptkd(...args);
  } finally {
    process.chdir(here);
  }
}

function into(said: { out: string; err: string }, stream: 'out' | 'err'): typeof process.stdout.write {
  return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    said[stream] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    for (const call of [encoding, done]) if (typeof call === 'function') call();
    return true;
  };
}
