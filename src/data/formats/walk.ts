import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { cannotRead, fileFault } from '../../files/index.js';
import type { Skipped } from '../dataset.js';
import { isBrokenText } from '../labels/caption.js';
import { isLitter } from './litter.js';

/**
 * All files below a folder, as paths with slashes, in order of name; what is hidden or litter is left out. Linked folders
 * are followed, each folder once, those that lie there before those that are linked. What bears a name that is not UTF-8
 * cannot be opened by the name that is read of it: it is added to `skipped`, a folder whole, and so are links that lead
 * nowhere or to a folder that was read already.
 *
 * @param isWanted whether a file is of the kind that is looked for, by its name
 * @param mostOthers with so many other files, and hardly one that is wanted, somebody named `/` or a home
 * @throws UserError where the folder cannot be read, or holds so many others
 */
export async function filesBelowFolder(
  folder: string,
  skipped: Skipped[],
  isWanted: (name: string) => boolean,
  mostOthers = 100_000,
): Promise<string[]> {
  const files: string[] = [];
  let others = 0;
  const add = (path: string) => {
    files.push(path);
    if (isWanted(path)) return;
    others++;
    const wanted = files.length - others;
    if (others < mostOthers || others < 10 * wanted) return;
    throw new UserError(
      `${folder}: expected a folder of images or shards, found ${others} other files and ${wanted} such below it, and stopped: name the folder that they lie in`,
    );
  };
  /** By their real places, where they were found first. */
  const read = new Map<string, string>();
  const links: string[] = [];
  const readBelow = async (first: string) => {
    const folders = [first];
    for (let below = folders.pop(); below !== undefined; below = folders.pop()) {
      const real = await realpath(join(folder, below));
      const before = read.get(real);
      if (before !== undefined) {
        skipped.push({ id: below.slice(0, -1), reason: `a link to the same folder as ${before || 'the one given'}` });
        continue;
      }
      read.set(real, below.slice(0, -1));
      const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((error: Error) => {
        if (below === '') throw cannotRead(folder, error);
        skipped.push({
          id: below.slice(0, -1),
          reason: `a folder that cannot be read: ${fileFault(error) ?? error.message}`,
        });
        return [];
      });
      for (const entry of entries) {
        const path = below + entry.name;
        if (isBrokenText(entry.name)) skipped.push({ id: path, reason: 'its name is not UTF-8; rename it' });
        else if (isLitter(entry.name)) continue;
        else if (entry.isDirectory()) folders.push(`${path}/`);
        else if (entry.isSymbolicLink()) links.push(path);
        else add(path);
      }
    }
  };
  await readBelow('');
  links.sort();
  for (let path = links.shift(); path !== undefined; path = links.shift()) {
    const info = await stat(join(folder, path)).catch(() => undefined);
    if (!info) skipped.push({ id: path, reason: 'a link that leads nowhere' });
    else if (info.isDirectory()) await readBelow(`${path}/`);
    else add(path);
  }
  return files.sort();
}
