import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolder, openDataset } from '../data/index.js';
import { embedDataset } from '../embed/index.js';
import { type Model, modelFingerprint } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { interruptSignal } from './terminal/interrupt.js';
import type { Progress } from './terminal/progress.js';

/**
 * Embeds data into a folder of the cache, or what is new of it, and gives the folder back.
 *
 * @param where a folder of photos, or data as `--data` takes it
 * @throws UserError where it cannot be read
 */
export async function embeddedFolder(
  where: string,
  modelName: string,
  model: Model,
  engine: Pick<CompileOptions, 'device' | 'threads'>,
  progress: Progress,
): Promise<string> {
  const isFolder = existsSync(where) && statSync(where).isDirectory();
  const spec = isFolder ? `folder:${resolve(where)}` : where;
  const key = createHash('sha256')
    .update(`${spec}\n${modelFingerprint(model)}`)
    .digest('hex')
    .slice(0, 16);
  const out = join(cacheFolder(), 'search', key);
  const { embedded, unreadable } = await embedDataset(model, await openDataset(spec), {
    ...{ out, modelName, ...engine, texts: false, signal: interruptSignal() },
    onProgress: (step, steps) => steps > 0 && progress.update({ phase: 'embedding', step, steps }),
  });
  if (embedded > 0) progress.log(`${embedded.toLocaleString('en-GB')} images embedded into ${out}`);
  if (unreadable.length > 0)
    progress.log(`${unreadable.length} images could not be read, as ${unreadable[0]!.id}: ${unreadable[0]!.reason}`);
  return out;
}
