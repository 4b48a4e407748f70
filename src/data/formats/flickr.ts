import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { Collection } from '../assemble.js';
import { checkFolder } from './folder.js';
import { openKarpathy } from './karpathy.js';

/**
 * Flickr30k or Flickr8k with Karpathy's split: a folder with `dataset_flickr30k.json` and the images, or that file.
 *
 * @throws UserError where there is no such file
 */
export async function openFlickr(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  if ((await stat(path).catch(() => undefined))?.isFile()) return openKarpathy(path, options);
  await checkFolder(path, 'a folder with dataset_flickr30k.json, or that file');
  const file = (await readdir(path)).find((name) => /^dataset(_flickr\d+k)?\.json$/.test(name));
  if (!file) throw new UserError(`${path}: expected dataset_flickr30k.json or dataset_flickr8k.json, found neither`);
  return openKarpathy(join(path, file), options);
}
