import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { readLines } from '../../files/index.js';
import { type Collection, splitName } from '../assemble.js';
import type { Skipped } from '../dataset.js';
import { filesBelow, type NamedPicture, readablePictures } from '../picture-file.js';
import { filesBelowFolder } from './walk.js';

const pictureTypes = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif', '.tif', '.tiff']);
const splitFolders = new Set(['train', 'val', 'valid', 'validation', 'test']);
/** Class names beside the pictures, one a line. */
export const classFile = 'classes.txt';

/**
 * A folder of pictures, by how they lie in it: `DIR/<class>/…`, `DIR/<split>/<class>/…` with splits named train, val and
 * test, or flat without classes, then with class texts from a file `classes.txt` where there is one.
 *
 * Broken pictures and other files are skipped and listed.
 *
 * @throws UserError where there is no such folder
 */
export async function openFolder(folder: string): Promise<Collection> {
  await checkFolder(folder, 'a folder of pictures');
  const skipped: Skipped[] = [];
  const paths = await listPictures(folder, skipped);
  const parts = paths.map((path) => path.split('/'));
  const hasSplits = parts.length > 0 && parts.every((p) => p.length >= 2 && splitFolders.has(p[0]!));
  const above = hasSplits ? 1 : 0;
  const isFlat = parts.every((p) => p.length === above + 1);
  const named = paths.flatMap((id, i): NamedPicture[] => {
    const own = parts[i]!;
    const split = hasSplits ? splitName(own[0]!) : undefined;
    if (isFlat) return [{ id, captions: [], split }];
    if (own.length > above + 1) return [{ id, captions: [], className: plainName(own[above]!), split }];
    skipped.push({ id, reason: 'it lies in no class folder, as others do' });
    return [];
  });
  return {
    records: await readablePictures(folder, named, skipped),
    skipped,
    classNames: isFlat ? await classesBeside(folder) : undefined,
    source: filesBelow(folder),
  };
}

/** @throws UserError where there is no such folder */
export async function checkFolder(folder: string, what: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new UserError(`${folder}: expected ${what}, found ${info ? 'a file' : 'nothing'}`);
}

/** A class's name as it stands in a prompt. */
export const plainName = (folder: string): string => folder.replace(/[_-]+/g, ' ').trim();

/**
 * Class names from a file `classes.txt` in a folder, in its order; undefined where there is none.
 * @throws UserError where it is not UTF-8
 */
export async function classesBeside(folder: string): Promise<string[] | undefined> {
  const names = (await readLines(join(folder, classFile)))?.map((name) => name.trim());
  return names?.filter((name) => name !== '');
}

/** All picture files below a folder, as paths with slashes, in order of name. Other files are added to `skipped`. */
export async function listPictures(folder: string, skipped: Skipped[]): Promise<string[]> {
  const paths = await filesBelowFolder(folder, skipped);
  return paths.filter((id) => {
    if (id === classFile) return false;
    if (pictureTypes.has(extname(id).toLowerCase())) return true;
    skipped.push({ id, reason: 'not a picture file' });
    return false;
  });
}
