import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { readLines } from '../../files/index.js';
import { describeIssue } from '../../schema-issue.js';
import type { Collection } from '../assemble.js';
import type { Skipped } from '../dataset.js';
import { filesBelow, type NamedImage, readableImages } from '../images/image-file.js';
import { plainName } from '../labels/class-labels.js';
import { Remarks } from '../remarks.js';
import { checkFolder, listImages } from './folders/folder.js';
import { folderOf, readShaped } from './json/annotation-file.js';
import { placesBelow, placing } from './placing.js';

/** Path, label, class name. */
const label = z.union([
  z.number().int(),
  z
    .string()
    .regex(/^-?\d+$/)
    .transform(Number),
]);
const entry = z.tuple([z.string(), label, z.string()]).rest(z.unknown());
const entries = z.array(z.unknown()).default([]);
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
  // A copy's name is longer.
  const splits = names.filter((name) => /^split_zhou_.*\.json$/.test(name)).sort((a, b) => a.length - b.length);
  const [split, ...others] = splits;
  if (split) {
    const found = await openSplit(join(path, split), options);
    const remarks = new Remarks();
    for (const other of others)
      remarks.add(`files of splits beside ${split}: not read; name the one that is meant`, other);
    return { ...found, remarks: [...found.remarks!, ...remarks.list()] };
  }
  if (names.includes(wordnetNames)) return openImageNet(path);
  throw new UserError(`${path}: expected split_zhou_<Name>.json, or ${wordnetNames} of ImageNet, found neither`);
}

async function openSplit(file: string, { images, root }: Readonly<Record<string, string>>): Promise<Collection> {
  const content = await readShaped(file, shape);
  const folder = resolve(images ?? folderOf(file));
  const [skipped, remarks] = [[] as Skipped[], new Remarks()];
  const entries = Object.entries(content).flatMap(([split, own]) =>
    own.flatMap((one, i) => {
      const result = entry.safeParse(one, { reportInput: true });
      if (result.success) return [{ split, path: result.data[0], label: result.data[1], name: result.data[2] }];
      const issue = result.error.issues[0]!;
      skipped.push({ id: basename(file), reason: describeIssue({ ...issue, path: [split, i, ...issue.path] }) });
      return [];
    }),
  );
  const classNames = new Map<number, string>();
  for (const { path, label, name } of entries) {
    if (label < 0) continue;
    const known = classNames.get(label);
    if (known === undefined) classNames.set(label, plainName(name));
    else if (known !== plainName(name))
      remarks.add('images whose label has another name elsewhere: the label counts', `${path}: ${label} is ${known}`);
  }
  // Two labels may have one name: ImageNet has two cranes.
  const labels = [...classNames.keys()].sort((a, b) => a - b);
  const places = new Map(labels.map((label, at) => [label, at]));
  // CoOp's code names a folder of images for every data set; it is the one that has them.
  const paths = entries.map(({ path }) => path);
  const place = placing(folder, await placesBelow(folder), paths, root ?? images);
  const named = entries.map(
    ({ split, path, label }): NamedImage => ({
      ...{ id: place(path), captions: [], split },
      label: places.get(label) ?? -1,
    }),
  );
  return {
    records: await readableImages(folder, named, skipped, root),
    skipped,
    remarks: remarks.list(),
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
