// Loaded before a program (node --import './snapshots.mjs?of=FOLDER&to=FOLDER'): copies a folder at each of its calls that bring
// something to the disk. That is what a process leaves that is killed there: what it has in memory is lost, what it has written stays.
import { copyFileSync, mkdirSync, readdirSync, readlinkSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { onDiskCalls } from '../../src/test/disk-calls.mjs';

const { searchParams } = new URL(import.meta.url);
const [of, to] = [searchParams.get('of'), searchParams.get('to')];
let count = 0;
let copying = false;

await onDiskCalls(
  () => !copying,
  () => {
    copying = true;
    copy(of, join(to, `${process.pid}-${threadId}-${String(++count).padStart(5, '0')}`));
    copying = false;
  },
);

/** Other threads go on meanwhile: what they take away is not there. */
function copy(from, into) {
  mkdirSync(into, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(into, entry.name)];
    try {
      if (entry.isDirectory()) copy(source, target);
      else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
      else {
        copyFileSync(source, target);
        const { atime, mtime } = statSync(source);
        utimesSync(target, atime, mtime);
      }
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
}
