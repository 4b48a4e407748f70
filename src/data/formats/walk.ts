import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBrokenText } from '../caption.js';
import type { Skipped } from '../dataset.js';

/**
 * All files below a folder, as paths with slashes, in order of name; hidden ones are left out. What bears a name that is
 * not UTF-8 cannot be opened by the name that is read of it: it is added to `skipped`, a folder whole.
 */
export async function filesBelowFolder(folder: string, skipped: Skipped[]): Promise<string[]> {
  const files: string[] = [];
  const folders = [''];
  for (let below = folders.pop(); below !== undefined; below = folders.pop()) {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below + entry.name;
      if (isBrokenText(entry.name)) skipped.push({ id: path, reason: 'its name is not UTF-8; rename it' });
      else if (entry.isDirectory()) folders.push(`${path}/`);
      else if (!entry.name.startsWith('.')) files.push(path);
    }
  }
  return files.sort();
}
