import { basename } from 'node:path';
import { type ZodType, z } from 'zod';
import { UserError } from '../../errors.js';
import { describeIssue } from '../../schema-issue.js';
import type { Skipped } from '../dataset.js';
import type { Remarks } from '../remarks.js';
import type { PixelBox } from './coco-boxes.js';
import { readElements } from './json-elements.js';

/** Numbers, or texts as some programs write them. */
const id = z.union([z.number(), z.string()]).transform(String);
const side = z.number().positive().optional().catch(undefined);
const imageShape = z.object({ id, file_name: z.string(), width: side, height: side });
const box = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);
const annotationShape = z.object({
  image_id: id,
  caption: z.string().nullish(),
  bbox: z.union([box, z.tuple([])]).nullish(),
  category_id: id.nullish(),
  iscrowd: z.union([z.number(), z.boolean()]).nullish(),
});
const categoryShape = z.object({ id, name: z.string() });

/** What is needed of an annotation file, without its outlines. */
export interface Annotations {
  /** By their ids: file name, and width and height where the file says them. */
  readonly images: ReadonlyMap<string, { readonly name: string; readonly size: readonly [number, number] | undefined }>;
  readonly captions: readonly { readonly imageId: string; readonly caption: string }[];
  readonly boxes: readonly (PixelBox & { readonly imageId: string })[];
  /** Names by their ids. */
  readonly categories: ReadonlyMap<string, string>;
}

/**
 * Reads an annotation file. An image or annotation that is not as expected is added to `skipped`, and the others are read.
 *
 * @throws UserError where the file is not JSON, or lists no images
 */
export async function readAnnotations(file: string, skipped: Skipped[], remarks: Remarks): Promise<Annotations> {
  const images = new Map<string, { name: string; size: readonly [number, number] | undefined }>();
  const captions: { imageId: string; caption: string }[] = [];
  const boxes: (PixelBox & { imageId: string })[] = [];
  const categories = new Map<string, string>();
  const reader =
    <T>(list: string, shape: ZodType<T>, read: (value: T) => void) =>
    (value: unknown, index: number) => {
      const result = shape.safeParse(value, { reportInput: true });
      if (result.success) return read(result.data);
      const issue = result.error.issues[0]!;
      skipped.push({ id: basename(file), reason: describeIssue({ ...issue, path: [list, index, ...issue.path] }) });
    };
  const counts = await readElements(file, {
    images: reader('images', imageShape, ({ id, file_name, width, height }) => {
      if (images.has(id)) remarks.add('images with the id of another: the first is taken', `id ${id}: ${file_name}`);
      else images.set(id, { name: file_name, size: width && height ? [width, height] : undefined });
    }),
    annotations: reader('annotations', annotationShape, ({ image_id, caption, bbox, category_id, iscrowd }) => {
      if (caption) captions.push({ imageId: image_id, caption });
      // A crowd's box is around many things that were not counted.
      if (bbox?.length !== 4 || category_id == null || iscrowd) return;
      boxes.push({ imageId: image_id, category: category_id, at: bbox });
    }),
    categories: reader('categories', categoryShape, ({ id, name }) => categories.set(id, name)),
  });
  if (!counts.has('images')) throw new UserError(`${file}: images: expected a list of images, found none`);
  return { images, captions, boxes, categories };
}
