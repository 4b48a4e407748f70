import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../../../errors.js';
import type { Collection } from '../../assemble.js';
import type { Skipped } from '../../dataset.js';
import { filesBelow, readableImages } from '../../images/image-file.js';
import { mapParallel } from '../../parallel.js';
import { Remarks } from '../../remarks.js';
import { splitInName } from '../../splits/split-names.js';
import { classesBeside } from '../classes-beside.js';
import { checkFolder } from '../folders/folder.js';
import { folderOf } from '../json/annotation-file.js';
import { placesBelow, placing } from '../placing.js';
import { type Annotations, type Category, readAnnotations } from './coco-annotations.js';
import { type PixelBox, sharesOf } from './coco-boxes.js';
import { openKarpathy } from './karpathy.js';

const karpathyFile = 'dataset_coco.json';

/** An image as annotation files say it; its id is its path. */
interface Annotated {
  readonly id: string;
  split: string | undefined;
  readonly captions: string[];
  readonly boxes: PixelBox[];
  /** Width and height in pixels, where a file says them. */
  size: readonly [number, number] | undefined;
}

/**
 * COCO: a folder with `annotations/captions_<set>.json` and `instances_<set>.json` and the images in `<set>/` or
 * `images/<set>/`; or one folder a split with its images and their `_annotations.coco.json`, as Roboflow exports them; or
 * one such file; or Karpathy's `dataset_coco.json`. A set's split is the word it is named by (`train2017`: train). Images
 * show many things: the categories are class texts and name boxes, not images.
 *
 * What is wrong with one image or annotation is counted, and the others are read.
 *
 * @throws UserError where there are no annotations, or they are of another shape
 */
export async function openCoco(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  const files = await annotationFiles(path);
  const [first] = files as [string];
  if (basename(first).startsWith('dataset')) return openKarpathy(first, options);
  const isBeside = isOfFolder(first);
  const folder = resolve(options.images ?? (isBeside && (await isFolder(path)) ? path : folderOf(first)));
  const below = isBeside ? [] : await placesBelow(folder);
  const sets = new Set(files.map(setOf));
  const images = new Map<string, Annotated>();
  const categories = new Map<string, Category>();
  const [skipped, remarks] = [[] as Skipped[], new Remarks()];
  for (const file of files) {
    const content = await readAnnotations(file, skipped, remarks);
    for (const [id, category] of content.categories) categories.set(id, category);
    const set = setOf(file);
    const own = isBeside
      ? relative(folder, dirname(resolve(file)))
          .split(sep)
          .join('/')
      : '';
    const split = splitInName(isBeside ? basename(dirname(resolve(file))) : set) ?? (sets.size > 1 ? set : undefined);
    gather(
      content,
      {
        ...{ folder, split, root: options.root ?? options.images },
        places: [own || '.', set, `images/${set}`, `images/${split}`, 'images', `${split}`, ...below],
      },
      images,
      remarks,
    );
  }
  const used = new Set([...images.values()].flatMap(({ boxes }) => boxes.map(({ category }) => category)));
  for (const id of headings(categories)) if (!used.has(id)) categories.delete(id);
  const numbers = [...categories.keys()].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const labels = new Map(numbers.map((id, label) => [id, label]));
  const named = [...images.values()].map(({ boxes, size, split, ...image }) => ({
    ...image,
    ...(split !== undefined && { split }),
    drawn: { boxes, size },
  }));
  const readable = await readableImages(folder, named, skipped, options.root);
  const records = await mapParallel(readable, async ({ drawn, ...record }) => {
    if (drawn.boxes.length === 0) return record;
    const boxes = await sharesOf(drawn.boxes, labels, drawn.size ?? join(folder, record.id), record.id, remarks);
    return boxes.length > 0 ? { ...record, boxes } : record;
  });
  const names = numbers.map((id) => categories.get(id)!.name);
  return {
    records,
    skipped,
    remarks: remarks.list(),
    classNames: names.length > 0 ? names : await classesBeside(folderOf(first)),
    source: filesBelow(folder),
  };
}

/** Ids of categories that only stand above the others, as the first of Roboflow's exports. */
function headings(categories: ReadonlyMap<string, Category>): string[] {
  const above = new Set([...categories.values()].map((category) => category.above));
  return [...categories].filter(([, one]) => one.above === 'none' && above.has(one.name)).map(([id]) => id);
}

/** What a file is about by its name: `train2017`. */
const setOf = (file: string): string =>
  basename(file, '.json').replace(/^(captions|instances|person_keypoints|image_info|panoptic)_/, '');

const isFolder = async (path: string): Promise<boolean> => !!(await stat(path).catch(() => undefined))?.isDirectory();

/** Whether a file's images lie beside it, as Roboflow exports them. */
const isOfFolder = (file: string): boolean => /^_annotations/.test(basename(file));

/** Names of annotation files, those that say most of what they are first. */
const fileNames = [
  /^(captions|instances)_.*\.json$/,
  /^(train|val|valid|validation|test|annotations?|labels|result|captions|instances|coco)\d*\.json$/i,
];
const roboflowFile = '_annotations.coco.json';

/** The file itself, or those of a folder: Karpathy's where it is there, otherwise all captions and instances. */
async function annotationFiles(path: string): Promise<string[]> {
  if ((await stat(path).catch(() => undefined))?.isFile()) return [path];
  await checkFolder(path, 'a folder with annotations, or an annotation file');
  const below = (await readdir(path)).sort();
  for (const pattern of fileNames) {
    for (const folder of [path, join(path, 'annotations')]) {
      const names = (await readdir(folder).catch((): string[] => [])).sort();
      if (names.includes(karpathyFile)) return [join(folder, karpathyFile)];
      const files = names.filter((name) => pattern.test(name));
      if (files.length > 0) return files.map((name) => join(folder, name));
    }
  }
  const files = ['', ...below].map((name) => join(path, name, roboflowFile));
  const there = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.isFile()));
  const found = files.filter((_, i) => there[i]);
  if (found.length > 0) return found;
  throw new UserError(
    `${path}: expected annotations/captions_*.json, annotations/instances_*.json, <split>/${roboflowFile} or ${karpathyFile}, found none`,
  );
}

/** Where the images of an annotation file may lie, and which split they are of. */
interface Gathering {
  readonly folder: string;
  readonly places: readonly string[];
  readonly split: string | undefined;
  readonly root: string | undefined;
}

/** Adds what an annotation file says to the images, by their paths. */
function gather(
  { images, captions, boxes }: Annotations,
  { folder, places, split, root }: Gathering,
  all: Map<string, Annotated>,
  remarks: Remarks,
): void {
  const names = [...images.values()].map(({ name }) => name);
  const place = placing(folder, places, names, root);
  const byId = new Map<string, Annotated>();
  for (const [id, { name, size }] of images) {
    const path = place(name);
    const known = all.get(path);
    const image = known ?? { id: path, split, captions: [], boxes: [], size };
    if (known) known.size ??= size;
    else all.set(path, image);
    byId.set(id, image);
  }
  for (const { imageId, caption } of captions) {
    const image = byId.get(imageId);
    if (image) image.captions.push(caption);
    else remarks.add('captions of images that are not in the file’s list', `image_id ${imageId}`);
  }
  for (const { imageId, ...box } of boxes) {
    const image = byId.get(imageId);
    if (image) image.boxes.push(box);
    else remarks.add('boxes of images that are not in the file’s list', `image_id ${imageId}`);
  }
}
