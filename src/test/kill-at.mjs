/**
 * Loaded before a program (`node --import ./kill-at.mjs?at=7 …`): kills its process, as a power cut would, at the seventh of
 * the calls that bring something to the disk. A write that is hit has written half of its bytes.
 */
import { onDiskCalls } from './disk-calls.mjs';

let left = Number(new URL(import.meta.url).searchParams.get('at'));

await onDiskCalls(
  () => --left === 0,
  () => process.kill(process.pid, 'SIGKILL'),
);
