import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { Collection } from '../assemble.js';
import { checkFolder } from './folder.js';
import { openKarpathy } from './karpathy.js';
import { openTable } from './table.js';

/**
 * Flickr30k or Flickr8k: a folder with the images and Karpathy's `dataset_flickr30k.json`, which has a split, or the captions
 * as they come, `captions.txt` or `results.csv`, which have none; or one of these files.
 *
 * @throws UserError where there is no such file
 */
export async function openFlickr(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  const open = (file: string) =>
    file.endsWith('.json') ? openKarpathy(file, options) : openTable('csv', file, options);
  if ((await stat(path).catch(() => undefined))?.isFile()) return open(path);
  await checkFolder(path, 'a folder with dataset_flickr30k.json or captions.txt, or one of these files');
  const names = await readdir(path);
  const file =
    names.find((name) => /^dataset(_flickr\d+k)?\.json$/.test(name)) ??
    names.find((name) => /^(captions\.txt|results\.csv)$/.test(name));
  if (file) return open(join(path, file));
  throw new UserError(
    `${path}: expected dataset_flickr30k.json, dataset_flickr8k.json, captions.txt or results.csv, found none of them`,
  );
}
