import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { cannotWrite, processRuns } from '../../files/index.js';

const file = 'run.lock';

const holder = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** Tells a process from a later one with the same id; empty where the system does not say. */
  born: z.string(),
});
type Holder = z.infer<typeof holder>;

/**
 * Takes a run folder for this process, so that no two train in it at once. A lock whose process is gone does not count.
 *
 * @returns gives the folder back
 * @throws UserError naming the process that has it
 */
export async function lockRun(runDir: string): Promise<() => Promise<void>> {
  const path = join(runDir, file);
  const mine: Holder = { pid: process.pid, host: hostname(), born: await bornOf(process.pid) };
  for (let attempt = 0; ; attempt++) {
    if (await create(path, JSON.stringify(mine))) return () => rm(path, { force: true });
    const other = await holderOf(path);
    if (other && (attempt > 0 || (await holds(other)))) {
      const where = other.host === mine.host ? '' : ` on ${other.host}`;
      throw new UserError(
        `${runDir}: a run is under way in this folder (process ${other.pid}${where}); wait for it, stop it, or give another --out. Where no such process runs, delete ${path}`,
      );
    }
    // Of a process that is gone, or cut off by a crash.
    await rm(path, { force: true });
  }
}

/** False where the file is there already. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(content).finally(() => handle.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cannotWrite(path, error);
  }
}

async function holderOf(path: string): Promise<Holder | undefined> {
  try {
    return holder.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Of another machine nobody can tell here: it counts as running. */
async function holds({ pid, host, born }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  if (!processRuns(pid)) return false;
  return born === (await bornOf(pid));
}

/** Linux: when a process began, in ticks since the boot of that name. */
async function bornOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // Behind the name, which may hold anything, stand fields 3 and on; the start time is field 22.
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}

/** Whether a process trains in a run folder now. */
export async function isLocked(runDir: string): Promise<boolean> {
  const other = await holderOf(join(runDir, file));
  return other !== undefined && (await holds(other));
}
