import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { describeFailure } from '../failure.js';
import { interruptSignal, resumable } from './interrupt.js';

/** What the command line says of work that goes on after Ctrl-C. */
async function afterCtrlC(work: (signal: AbortSignal) => Promise<{ finished: boolean }>) {
  const quiet = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const run = resumable('runs/a', (signal) => {
      process.emit('SIGINT');
      return work(signal);
    });
    return describeFailure(await run.catch((error: unknown) => error));
  } finally {
    quiet.mockRestore();
  }
}

const saved = { message: 'interrupted; runs/a is saved, promptkd resume runs/a goes on from there', code: 130 };

it.each([
  ['returns', async () => ({ finished: false })],
  ['throws the reason', async (signal: AbortSignal) => Promise.reject(signal.reason)],
  ['is stopped by Node', (signal: AbortSignal) => setTimeout(1000, { finished: true }, { signal })],
])('says that a run is saved where the work %s', async (_, work) => {
  expect(await afterCtrlC(work)).toEqual(saved);
});

it('says what failed where the state could not be saved', async () => {
  const root = await mkdtemp(join(tmpdir(), 'promptkd-interrupt-'));
  const folder = join(root, 'phase-joint');
  await writeFile(folder, '');
  const failed = await afterCtrlC(async () => {
    await mkdir(folder, { recursive: true });
    return { finished: true };
  });
  expect(failed).toEqual({ message: `${folder}: expected a folder, or nothing yet; got a file`, code: 2 });
  await rm(root, { recursive: true });
});

it('stops at SIGUSR1, at which Node would open its debugger', async () => {
  const signal = interruptSignal(true);
  process.kill(process.pid, 'SIGUSR1');
  await vi.waitUntil(() => signal.aborted);
  expect(describeFailure(signal.reason)).toEqual({ message: 'interrupted', code: 138 });
});

it('leaves no handlers of commands before in a process of several', () => {
  const before = process.listenerCount('SIGUSR2');
  for (let command = 0; command < 3; command++) interruptSignal();
  expect(process.listenerCount('SIGUSR2')).toBeLessThanOrEqual(before + 1);
});
