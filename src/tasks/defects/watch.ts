import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RawImage } from '../../data/index.js';
import { decodeImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { isImageName } from './data/files.js';
import type { Inspection, Inspector } from './inspect.js';

/** What became of an image in a folder. */
export type Inspected =
  | { readonly file: string; readonly image: RawImage; readonly inspection: Inspection }
  | { readonly file: string; readonly error: string };

/** Options of {@link watchFolder}. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Milliseconds between two looks at the folder. @defaultValue 500 */
  readonly every?: number;
  /** Told when the folder, as that of a camera, is not there, and when it is back. */
  readonly onMessage?: (message: string) => void;
}

/**
 * Inspects one file. An image that cannot be inspected is a result, too: its `error` says why.
 *
 * @throws errors that are no fault of the image
 * @example
 * const inspector = openInspector(await loadDetector('runs/metal'));
 * const inspected = await inspectFile(inspector, 'part.png');
 * console.log('error' in inspected ? inspected.error : inspected.inspection.defective);
 */
export async function inspectFile(inspector: Inspector, file: string): Promise<Inspected> {
  try {
    const image = await decodeImage(file, file, { longest: Number.POSITIVE_INFINITY });
    return { file, image, inspection: await inspector.inspect(image, file) };
  } catch (error) {
    if (error instanceof UserError) return { file, error: error.message };
    throw error;
  }
}

/**
 * Inspects each image that is put into a folder, those that lie there already among them, once it is whole: its size has
 * not changed since the last look. A folder that goes away is waited for.
 *
 * @param take is awaited for each image, in order of name at each look
 * @throws whatever `take` throws
 * @example
 * const inspector = openInspector(await loadDetector('runs/metal'));
 * const stop = new AbortController();
 * await watchFolder(inspector, 'incoming', { signal: stop.signal }, (inspected) => console.log(inspected.file));
 */
export async function watchFolder(
  inspector: Inspector,
  folder: string,
  { signal, every = 500, onMessage }: WatchOptions,
  take: (inspected: Inspected) => void | Promise<void>,
): Promise<void> {
  const done = new Set<string>();
  let growing = new Map<string, string>();
  let gone = false;
  while (!signal.aborted) {
    const names = await readdir(folder).catch(() => undefined);
    if ((names === undefined) !== gone) {
      gone = names === undefined;
      onMessage?.(gone ? `${folder} is not there: waiting until it is back` : `${folder} is back`);
    }
    const seen = new Map<string, string>();
    for (const name of (names ?? []).filter(isImageName).sort()) {
      const info = await stat(join(folder, name)).catch(() => undefined);
      if (!info?.isFile()) continue;
      const state = `${info.size} ${info.mtimeMs}`;
      seen.set(name, state);
      // One that was written anew is another image.
      if (done.has(`${name} ${state}`) || growing.get(name) !== state) continue;
      if (signal.aborted) return;
      done.add(`${name} ${state}`);
      await take(await inspectFile(inspector, join(folder, name)));
    }
    growing = seen;
    await sleep(every, undefined, { signal }).catch(() => {}); // the loop sees that it is over
  }
}
