import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Collection, NamedBox } from '../assemble.js';
import type { Skipped } from '../dataset.js';
import { filesBelow, type NamedPicture, readablePictures } from '../picture-file.js';
import { folderOf, placeOf } from './annotation-file.js';
import { checkFolder, classesBeside } from './folder.js';
import { element, readElements } from './json-elements.js';
import { openKarpathy } from './karpathy.js';

const id = z.number();
const imageShape = z.object({ id, file_name: z.string(), width: z.number(), height: z.number() });
const annotationShape = z.object({
  image_id: id,
  caption: z.string().optional(),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
  category_id: id.optional(),
  iscrowd: z.number().optional(),
});
const categoryShape = z.object({ id, name: z.string() });

interface Annotations {
  readonly images: readonly z.infer<typeof imageShape>[];
  readonly annotations: readonly z.infer<typeof annotationShape>[];
  readonly categories: readonly z.infer<typeof categoryShape>[];
}

/** What is needed of an annotation file, without its outlines. */
async function readAnnotations(file: string): Promise<Annotations> {
  const content = {
    images: [] as z.infer<typeof imageShape>[],
    annotations: [] as z.infer<typeof annotationShape>[],
    categories: [] as z.infer<typeof categoryShape>[],
  };
  const counts = await readElements(file, {
    images: element(file, 'images', imageShape, (image) => content.images.push(image)),
    annotations: element(file, 'annotations', annotationShape, (one) => content.annotations.push(one)),
    categories: element(file, 'categories', categoryShape, (category) => content.categories.push(category)),
  });
  if (!counts.has('images')) throw new UserError(`${file}: images: expected a list of pictures, found none`);
  return content;
}

const karpathyFile = 'dataset_coco.json';

/**
 * COCO: a folder with `annotations/captions_<set>.json` and `instances_<set>.json` and the pictures in `<set>/` or
 * `images/<set>/`, or one such file; or Karpathy's `dataset_coco.json`. A set's split is the word it begins with
 * (`train2017`: train). Pictures show many things: the categories are class texts and name boxes, not pictures.
 *
 * @throws UserError where there are no annotations, or they are of another shape
 */
export async function openCoco(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  const files = await annotationFiles(path);
  const [first] = files;
  if (basename(first!).startsWith('dataset')) return openKarpathy(first!, options.images);
  const folder = resolve(options.images ?? folderOf(first!));
  const pictures = new Map<string, NamedPicture & { captions: string[]; boxes: NamedBox[] }>();
  const categories = new Map<number, string>();
  for (const file of files) {
    const set = basename(file, '.json').replace(/^(captions|instances)_/, '');
    const split = /^(train|val|test)/.exec(set)?.[0] ?? set;
    const content = await readAnnotations(file);
    for (const { id, name } of content.categories) categories.set(id, name);
    for (const { path, captions, boxes } of picturesOf(content, folder, set, categories)) {
      const known = pictures.get(path);
      if (!known) pictures.set(path, { id: path, split, captions, boxes });
      known?.captions.push(...captions);
      known?.boxes.push(...boxes);
    }
  }
  const skipped: Skipped[] = [];
  const named = [...pictures.values()].map(({ boxes, ...picture }) => (boxes.length ? { ...picture, boxes } : picture));
  const names = [...categories].sort(([a], [b]) => a - b).map(([, name]) => name);
  return {
    records: await readablePictures(folder, named, skipped),
    skipped,
    classNames: names.length > 0 ? names : await classesBeside(folderOf(first!)),
    source: filesBelow(folder),
  };
}

/** The file itself, or those of a folder: Karpathy's where it is there, otherwise all captions and instances. */
async function annotationFiles(path: string): Promise<string[]> {
  if ((await stat(path).catch(() => undefined))?.isFile()) return [path];
  await checkFolder(path, 'a folder with annotations, or an annotation file');
  for (const folder of [path, join(path, 'annotations')]) {
    const names = (await readdir(folder).catch((): string[] => [])).sort();
    if (names.includes(karpathyFile)) return [join(folder, karpathyFile)];
    const files = names.filter((name) => /^(captions|instances)_.*\.json$/.test(name));
    if (files.length > 0) return files.map((name) => join(folder, name));
  }
  throw new UserError(
    `${path}: expected annotations/captions_*.json, annotations/instances_*.json or ${karpathyFile}, found none`,
  );
}

interface AnnotatedPicture {
  readonly path: string;
  readonly captions: string[];
  readonly boxes: NamedBox[];
}

function picturesOf(
  { images, annotations }: Annotations,
  folder: string,
  set: string,
  categories: ReadonlyMap<number, string>,
): AnnotatedPicture[] {
  const names = images.map(({ file_name }) => file_name);
  const place = placeOf(folder, [set, `images/${set}`, 'images'], names);
  const found = new Map(images.map(({ id, file_name }) => [id, picture(place + file_name)]));
  const sizes = new Map(images.map(({ id, width, height }) => [id, [width, height] as const]));
  for (const { image_id, caption, bbox, category_id, iscrowd } of annotations) {
    const own = found.get(image_id);
    if (!own) continue;
    if (caption !== undefined) own.captions.push(caption);
    const className = categories.get(category_id ?? Number.NaN);
    // A crowd's box is around many things that were not counted.
    if (!bbox || className === undefined || iscrowd) continue;
    const [width, height] = sizes.get(image_id)!;
    const [left, top, w, h] = bbox;
    own.boxes.push({ className, at: [left / width, top / height, w / width, h / height] });
  }
  return [...found.values()];
}

const picture = (path: string): AnnotatedPicture => ({ path, captions: [], boxes: [] });
