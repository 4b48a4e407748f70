// The extraction of a teacher's targets, timed.
import { ensureTargets } from '../dist/distill/index.js';

/**
 * Runs `ensureTargets`, which loads, decodes and augments images, runs the teacher and writes shards.
 *
 * @returns the store; `imageMs`: milliseconds an image from the end of the first batch, which has the start in it, to the last
 *   shard on disk; `startMs`: what the whole took beyond that
 */
export async function timedTargets(options) {
  const done = []; // how many, and when
  const onProgress = (count) => done.push([count, performance.now()]);
  const begin = performance.now();
  const store = await ensureTargets({ ...options, onProgress });
  const end = performance.now();
  const [first, at] = done[0];
  const [last] = done.at(-1);
  if (last === first) throw new Error(`expected more than one batch of images, got ${last}: take more`);
  const imageMs = (end - at) / (last - first);
  return { store, imageMs, startMs: end - begin - last * imageMs };
}
