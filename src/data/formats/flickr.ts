import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { Collection } from '../assemble.js';
import { openKarpathy } from './coco/karpathy.js';
import { checkFolder } from './folders/folder.js';
import { isLitter } from './litter.js';
import { openTable } from './tables/table.js';

/** Captions as they come, also as Hugging Face has them in one table. */
const tables = /^(captions\.txt|results\.csv|flickr_annotations_\d+k\.csv|flickr\d+k\.token\.txt|results_\d+\.token)$/i;

/**
 * Flickr30k or Flickr8k: a folder with the images and Karpathy's `dataset_flickr30k.json`, which has a split, or the captions
 * as they come, `captions.txt`, `results.csv` or `Flickr8k.token.txt`, which have none; or one of these files.
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
    names.find((name) => /^dataset(_flickr\d+k)?\.json$/.test(name)) ?? names.find((name) => tables.test(name));
  if (file) return open(join(path, file));
  // As Kaggle packs them: the table and another folder within a folder.
  for (const below of names.filter((name) => !isLitter(name)).sort()) {
    const inner = (await readdir(join(path, below)).catch((): string[] => [])).find((name) => tables.test(name));
    if (inner) return open(join(path, below, inner));
  }
  throw new UserError(
    `${path}: expected dataset_flickr30k.json, dataset_flickr8k.json, captions.txt, results.csv or Flickr8k.token.txt, found none of them`,
  );
}
