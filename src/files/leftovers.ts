import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processRuns } from './process-runs.js';

const day = 24 * 3600 * 1000; // ms

/**
 * Removes what writes that were killed left in a folder. Certainly stale is what has not changed for a day and whose
 * process is gone; whatever cannot be removed stays.
 *
 * @param processOf the id of the process that made an entry of this name; undefined for names that are not ours
 */
export async function removeLeftovers(folder: string, processOf: (name: string) => string | undefined): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const id = processOf(name);
    if (id === undefined || processRuns(Number(id))) continue;
    const path = join(folder, name);
    try {
      if (Date.now() - (await lstat(path)).mtimeMs > day) await rm(path, { recursive: true, force: true });
    } catch {
      // Another process was quicker, or it is not ours to remove.
    }
  }
}
