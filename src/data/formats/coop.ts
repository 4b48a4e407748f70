import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { readLines } from '../../files/index.js';
import type { Collection } from '../assemble.js';
import { plainName } from '../class-labels.js';
import type { Skipped } from '../dataset.js';
import { filesBelow, type NamedImage, readableImages } from '../image-file.js';
import { folderOf, placeOf, readShaped } from './annotation-file.js';
import { checkFolder, listImages } from './folder.js';

const entry = z.tuple([z.string(), z.number().int().min(0), z.string()]); // path, label, class name
const entries = z.array(entry).default([]);
const shape = z.object({ train: entries, val: entries, test: entries });

/**
 * A data set as CoOp splits it (Zhou et al., arXiv 2109.01134): a folder with `split_zhou_<Name>.json` and a folder of
 * images, or that file. Classes stand in the order of their labels.
 *
 * A folder with `classnames.txt` is taken for ImageNet in CoOp's layout: `images/train/<wnid>/`, and `images/val/<wnid>/`,
 * which is the test split there.
 *
 * @throws UserError where there is neither, or they are of another shape
 */
export async function openCoop(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  if ((await stat(path).catch(() => undefined))?.isFile()) return openSplit(path, options);
  await checkFolder(path, 'a folder with split_zhou_<Name>.json, or that file');
  const names = await readdir(path);
  const split = names.find((name) => /^split_zhou_.*\.json$/.test(name));
  if (split) return openSplit(join(path, split), options);
  if (names.includes(wordnetNames)) return openImageNet(path);
  throw new UserError(`${path}: expected split_zhou_<Name>.json, or ${wordnetNames} of ImageNet, found neither`);
}

async function openSplit(file: string, { images, root }: Readonly<Record<string, string>>): Promise<Collection> {
  const content = await readShaped(file, shape);
  const folder = resolve(images ?? folderOf(file));
  const entries = Object.entries(content).flatMap(([split, own]) => own.map((one) => [split, ...one] as const));
  // CoOp's code names a folder of images for every data set; it is the one that has them.
  const below = await readdir(folder, { withFileTypes: true });
  const folders = below.filter((one) => one.isDirectory()).map(({ name }) => name);
  const paths = entries.map(([, path]) => path);
  const place = placeOf(folder, ['.', ...folders.sort()], paths);
  const classNames = new Map<number, string>();
  for (const [, path, label, name] of entries) {
    const known = classNames.get(label) ?? plainName(name);
    if (known !== plainName(name)) {
      throw new UserError(`${file}: ${path}: expected one name a label, got ${known} and ${name} for ${label}`);
    }
    classNames.set(label, known);
  }
  // Two labels may have one name: ImageNet has two cranes.
  const labels = [...classNames.keys()].sort((a, b) => a - b);
  const places = new Map(labels.map((label, at) => [label, at]));
  const named = entries.map(
    ([split, path, label]): NamedImage => ({ id: place + path, captions: [], label: places.get(label), split }),
  );
  const skipped: Skipped[] = [];
  return {
    records: await readableImages(folder, named, skipped, root),
    skipped,
    classNames: labels.map((label) => classNames.get(label)!),
    source: filesBelow(folder),
  };
}

const wordnetNames = 'classnames.txt';

async function openImageNet(folder: string): Promise<Collection> {
  const file = join(folder, wordnetNames);
  const lines = (await readLines(file))!.filter((line) => line.trim() !== '');
  const names: string[] = [];
  const labels = new Map<string, number>();
  for (const line of lines) {
    const [, wnid, name] = /^(n\d+) (.+)$/.exec(line.trim()) ?? [];
    if (!wnid) throw new UserError(`${file}: expected lines like "n01440764 tench", got ${JSON.stringify(line)}`);
    labels.set(wnid, names.push(name!) - 1);
  }
  const skipped: Skipped[] = [];
  const named: NamedImage[] = [];
  for (const id of (await listImages(folder, skipped)).sort()) {
    const [, split, wnid] = /^(?:images\/)?(train|val)\/(n\d+)\/[^/]+$/.exec(id) ?? [];
    const label = labels.get(wnid ?? '');
    if (label === undefined) skipped.push({ id, reason: `it lies in no class folder of ${wordnetNames}` });
    else named.push({ id, captions: [], label, split: split === 'val' ? 'test' : split });
  }
  return {
    records: await readableImages(folder, named, skipped),
    skipped: skipped.filter(({ id }) => basename(id) !== wordnetNames),
    classNames: names,
    source: filesBelow(folder),
  };
}
