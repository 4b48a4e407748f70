import { resolve } from 'node:path';
import { z } from 'zod';
import type { Collection } from '../../assemble.js';
import type { Skipped } from '../../dataset.js';
import { filesBelow, type NamedImage, readableImages } from '../../images/image-file.js';
import { classesBeside } from '../classes-beside.js';
import { folderOf, readShaped } from '../json/annotation-file.js';
import { placing } from '../placing.js';

const shape = z.object({
  images: z.array(
    z.object({
      filename: z.string(),
      filepath: z.string().optional(),
      split: z.string().optional(),
      sentences: z.array(z.object({ raw: z.string().optional(), tokens: z.array(z.string()).optional() })).default([]),
    }),
  ),
});

/** Where the images of COCO, Flickr30k and Flickr8k usually lie. */
const places = ['.', 'images', 'flickr30k-images', 'flickr30k_images', 'Images', 'Flicker8k_Dataset'];

/**
 * Karpathy's split of COCO, Flickr30k or Flickr8k (`dataset_coco.json`, `dataset_flickr30k.json`): five sentences a
 * image, and splits, of which `restval` is trained on (Karpathy and Fei-Fei, arXiv 1412.2306).
 *
 * @param options `images`, the folder of the images, by default that of the file; `root`, where paths may lead to
 * @throws UserError where the file is missing or of another shape
 */
export async function openKarpathy(
  file: string,
  { images, root }: Readonly<Record<string, string>>,
): Promise<Collection> {
  const { images: entries } = await readShaped(file, shape);
  const folder = resolve(images ?? folderOf(file));
  const paths = entries.map(({ filepath, filename }) => (filepath ? `${filepath}/${filename}` : filename));
  const place = placing(folder, places, paths, root ?? images);
  const named = entries.map(
    ({ split, sentences }, i): NamedImage => ({
      id: place(paths[i]!),
      captions: sentences.map(({ raw, tokens }) => raw ?? tokens?.join(' ') ?? ''),
      split,
    }),
  );
  const skipped: Skipped[] = [];
  return {
    records: await readableImages(folder, named, skipped, root),
    skipped,
    classNames: await classesBeside(folderOf(file)),
    source: filesBelow(folder),
  };
}
