import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, posix } from 'node:path';
import { UserError } from '../../../errors.js';
import type { Collection } from '../../assemble.js';
import type { Remark, Skipped } from '../../dataset.js';
import { filesBelow, type NamedImage, pathInside, readableImages } from '../../images/image-file.js';
import { Remarks } from '../../remarks.js';
import { classesBeside, classFiles } from '../classes-beside.js';
import { readTable } from '../tables/table.js';
import type { TableKind } from '../tables/table-rows.js';
import { filesBelowFolder } from '../walk.js';
import { captionsBeside } from './beside-images.js';
import { placements } from './folder-layout.js';
import { namesBehindNumbers } from './numbered-folders.js';

const imageTypes = new Set(['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.avif', '.gif', '.tif', '.tiff']);
/** Types of images that cannot be decoded here. */
const foreignTypes = new Set([
  '.bmp',
  '.heic',
  '.heif',
  '.ico',
  '.jp2',
  '.j2k',
  '.jxl',
  '.pbm',
  '.pgm',
  '.ppm',
  '.psd',
  '.tga',
]);
/** Tables that belong to the folder they lie in: Hugging Face's `imagefolder` and Roboflow's classification. */
const ownTables: Readonly<Record<string, TableKind>> = {
  'metadata.jsonl': 'jsonl',
  'metadata.csv': 'csv',
  '_classes.csv': 'csv',
};

/**
 * A folder of images, by how they lie in it: `DIR/<class>/…`, `DIR/<split>/<class>/…`, `DIR/<class>/<split>/…`, with splits
 * under any of their usual names, or flat without classes, then with class texts from a file `classes.txt` where there is
 * one. Captions come from text files beside the images (img2dataset's `files` output) and from `metadata.jsonl` or
 * `metadata.csv` (Hugging Face's `imagefolder`), which may say classes and splits, too.
 *
 * Broken images and other files are skipped and listed; what is hidden or known litter is passed over.
 *
 * @throws UserError where there is no such folder
 */
export async function openFolder(folder: string): Promise<Collection> {
  await checkFolder(folder, 'a folder of images');
  const skipped: Skipped[] = [];
  const remarks = new Remarks();
  const { images, others } = await listFiles(folder, skipped);
  const tables = await readOwnTables(folder, others);
  const placed = placements(images, others);
  const captions = await captionsBeside(folder, images, others, remarks);
  const classFolders = [...placed.values()].flatMap((place) =>
    typeof place === 'object' && place.className !== undefined ? [place.className] : [],
  );
  const namesBehind = namesBehindNumbers(classFolders);
  for (const [classFolder, name] of namesBehind) {
    remarks.add('class folders whose number is left out of the class’s name', `${classFolder}: ${name}`);
  }
  for (const one of others) {
    // What img2dataset says of its shards is no fault.
    if (!/(^|\/)\d{5,}(_stats\.json|\.parquet)$/.test(one)) skipped.push({ id: one, reason: reasonAgainst(one) });
  }
  const named = images.flatMap((id): NamedImage[] => {
    const said = tables.said.get(id.normalize('NFC'));
    const place = placed.get(id)!;
    tables.said.delete(id.normalize('NFC'));
    const known = { id, captions: [...(said?.captions ?? []), ...(captions.get(id) ?? [])] };
    if (typeof place === 'string') {
      if (said) return [{ ...known, className: said.className, split: said.split }];
      skipped.push({ id, reason: place });
      return [];
    }
    const className = namesBehind.get(place.className ?? '') ?? place.className;
    return [{ ...known, className: said?.className ?? className, split: said?.split ?? place.split }];
  });
  skipped.push(...tables.skipped);
  const missing = [...tables.said].map(([id, said]): NamedImage => ({ ...said, id }));
  const isFlat = named.every(({ className }) => className === undefined);
  const areNumbers = named.every(({ className }) => className === undefined || /^\d+$/.test(className));
  return {
    records: await readableImages(folder, [...named, ...missing], skipped),
    skipped,
    remarks: [...tables.remarks, ...remarks.list()],
    classNames: isFlat || areNumbers ? await classesBeside(folder) : undefined,
    source: filesBelow(folder),
  };
}

/** What tables within a folder say of its images, by their paths below the folder. */
async function readOwnTables(folder: string, others: Set<string>) {
  const said = new Map<string, NamedImage>();
  const skipped: Skipped[] = [];
  const remarks: Remark[] = [];
  for (const path of [...others]) {
    const name = posix.basename(path);
    if (!Object.hasOwn(ownTables, name)) continue;
    others.delete(path);
    const file = join(folder, path);
    const table = await readTable(ownTables[name]!, file, dirname(file), {}).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      skipped.push({ id: path, reason: error.message });
    });
    if (!table) continue;
    skipped.push(...table.skipped.map(({ id, reason }) => ({ id: `${path}, ${id}`, reason })));
    remarks.push(...table.remarks);
    for (const { label, ...one } of table.named) {
      // Names are what tables of several folders have in common; their numbers need not be.
      const className = label === undefined ? one.className : (table.classNames?.[label] ?? String(label));
      const id = pathInside(folder, join(dirname(file), one.id)) ?? one.id;
      said.set(id.normalize('NFC'), { ...one, id, className });
    }
  }
  return { said, skipped, remarks };
}

/** @throws UserError where there is no such folder */
export async function checkFolder(folder: string, what: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new UserError(`${folder}: expected ${what}, found ${info ? 'a file' : 'nothing'}`);
}

/** All files below a folder, as paths with slashes, in order of name: images, and others but for lists of classes. */
async function listFiles(folder: string, skipped: Skipped[]): Promise<{ images: string[]; others: Set<string> }> {
  const isImage = (path: string) => imageTypes.has(extname(path).toLowerCase());
  const isForeign = (path: string) => foreignTypes.has(extname(path).toLowerCase());
  const paths = await filesBelowFolder(folder, skipped, (path) => isImage(path) || isForeign(path));
  const isList = (path: string) => classFiles.some((name) => name === path);
  return {
    images: paths.filter(isImage),
    others: new Set(paths.filter((path) => !isImage(path) && !isList(path))),
  };
}

/** All image files below a folder, as paths with slashes, in order of name. Other files are added to `skipped`. */
export async function listImages(folder: string, skipped: Skipped[]): Promise<string[]> {
  const { images, others } = await listFiles(folder, skipped);
  for (const one of others) skipped.push({ id: one, reason: reasonAgainst(one) });
  return images;
}

/** Why a file is not read; where another kind of data reads it, which one. */
function reasonAgainst(path: string): string {
  const [name, type] = [basename(path), extname(path).toLowerCase()];
  if (foreignTypes.has(type)) {
    return `images of the type ${type.slice(1)} cannot be decoded here: convert them, for example to PNG with ImageMagick`;
  }
  if (/coco.*\.json$|^(captions|instances)_.*\.json$/i.test(name)) return 'annotations: read them with coco:DIR';
  if (/^split_zhou_.*\.json$/.test(name)) return 'a split of CoOp: read it with coop:DIR';
  if (/^dataset_flickr.*\.json$/.test(name)) return 'a split of Flickr: read it with flickr:DIR';
  if (/\.(tar|tgz|tar\.gz)$/i.test(name)) return 'not an image file; a shard is read with wds:FILE';
  if (type === '.parquet') return 'not an image file; a table is read with parquet:FILE';
  if (['.csv', '.tsv', '.jsonl'].includes(type)) return `not an image file; a table is read with ${type.slice(1)}:FILE`;
  return 'not an image file';
}
