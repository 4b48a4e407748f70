import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.js';
import { Random } from '../random.js';
import type { Example, ImageTextDataset, Skipped } from './dataset.js';
import { decodePicture } from './decode.js';

const pictureTypes = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif', '.tif', '.tiff']);
/** Where a folder has no splits of its own, this share of each class is kept for testing. */
const testShare = 0.2;

/**
 * A folder of pictures: `DIR/<class>/…`, or `DIR/<split>/<class>/…` with splits named train, val and test. Without
 * splits, a fifth of each class becomes `test`, by lot from the file names.
 *
 * Broken pictures and other files are skipped and listed.
 *
 * @throws UserError where there is no such folder, or no picture in it
 */
export async function openFolder(folder: string): Promise<ImageTextDataset> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) {
    throw new UserError(`${folder}: expected a folder of pictures, with one folder a class`);
  }
  const skipped: Skipped[] = [];
  const files = await listPictures(folder, skipped);
  const own = ['train', 'val', 'test'];
  const hasSplits = files.length > 0 && files.every(({ parts }) => parts.length === 3 && own.includes(parts[0]!));
  const classOf = (parts: readonly string[]) => parts[hasSplits ? 1 : 0]!;
  const usable = files.filter(({ id, parts }) => {
    if (parts.length > (hasSplits ? 2 : 1)) return true;
    skipped.push({ id, reason: 'it lies in no class folder' });
    return false;
  });
  if (usable.length === 0) {
    throw new UserError(
      `${folder}: expected pictures in one folder a class, found none that can be read${firstOf(skipped)}`,
    );
  }
  const names = [...new Set(usable.map(({ parts }) => classOf(parts)))].sort();
  const classes = names.map((name) => ({ name: name.replace(/[_-]+/g, ' '), novel: false }));
  const splits: Record<string, Example[]> = {};
  const put = (split: string, example: Example) => {
    splits[split] ??= [];
    splits[split].push(example);
  };
  for (const [label, name] of names.entries()) {
    const mine = usable.filter(({ parts }) => classOf(parts) === name);
    const captions = [`a picture of ${classes[label]!.name}`, classes[label]!.name];
    const lot = new Random('folder', name).shuffle(mine);
    const tests = Math.floor(lot.length * testShare);
    for (const [i, { id, parts }] of lot.entries())
      put(hasSplits ? parts[0]! : i < tests ? 'test' : 'train', { id, label, captions });
  }
  const sum = createHash('sha256').update(JSON.stringify({ classes, splits }));
  for (const { id, bytes } of usable) sum.update(`${id} ${bytes}\n`);
  return {
    name: `folder:${folder}`,
    classes,
    splits,
    skipped,
    fingerprint: `folder-${sum.digest('hex').slice(0, 16)}`,
    load: ({ id }) => decodePicture(join(folder, id), id),
  };
}

const firstOf = ([first]: readonly Skipped[]) => (first ? `; ${first.id}: ${first.reason}` : '');

interface PictureFile {
  /** Path below the folder, with slashes. */
  readonly id: string;
  readonly parts: readonly string[];
  readonly bytes: number;
}

/** All pictures below a folder whose header can be read, in order of name. */
async function listPictures(folder: string, skipped: Skipped[]): Promise<PictureFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const found: PictureFile[] = [];
  for (const path of paths) {
    const id = relative(folder, path).split(sep).join('/');
    if (!pictureTypes.has(extname(path).toLowerCase())) {
      skipped.push({ id, reason: 'not a picture file' });
      continue;
    }
    try {
      await sharp(path).metadata();
      found.push({ id, parts: id.split('/'), bytes: (await stat(path)).size });
    } catch (error) {
      skipped.push({ id, reason: (error as Error).message.split('\n')[0]! });
    }
  }
  return found;
}
