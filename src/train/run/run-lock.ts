import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { lock, lockHolder } from '../../files/index.js';

const lockOf = (runDir: string): string => join(runDir, 'run.lock');

/**
 * Takes a run folder for this process, so that no two train in it at once. A lock whose process is gone does not count.
 *
 * @returns gives the folder back
 * @throws UserError naming the process that has it
 */
export async function lockRun(runDir: string): Promise<() => Promise<void>> {
  const path = lockOf(runDir);
  const held = await lock(path, { wait: false });
  if (held) return () => held.release();
  const holder = await lockHolder(path);
  throw new UserError(
    `${runDir}: a run is under way in this folder (${holder ? `process ${holder.pid}` : 'another process'}); wait for it, stop it, or give another --out. Where no such process runs, delete ${path}`,
  );
}

/** Whether a process trains in a run folder now. */
export async function isLocked(runDir: string): Promise<boolean> {
  return (await lockHolder(lockOf(runDir))) !== undefined;
}
