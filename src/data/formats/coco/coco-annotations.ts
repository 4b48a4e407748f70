import { basename } from 'node:path';
import { type ZodType, z } from 'zod';
import { UserError } from '../../../errors.js';
import { describeIssue } from '../../../schema-issue.js';
import type { Skipped } from '../../dataset.js';
import type { Remarks } from '../../remarks.js';
import { readElements } from '../json/json-elements.js';
import type { PixelBox } from './coco-boxes.js';

/** Numbers, or texts as some programs write them. */
const id = z.union([z.number(), z.string()]).transform(String);
const side = z.number().positive().optional().catch(undefined);
/** A web address ends with the name that an image without one has. */
const withFileName = (value: unknown): unknown => {
  const { file_name, coco_url } = (value ?? {}) as { file_name?: unknown; coco_url?: unknown };
  if (file_name != null || typeof coco_url !== 'string') return value;
  return { ...(value as object), file_name: coco_url.split('/').at(-1) };
};
const imageShape = z.preprocess(withFileName, z.object({ id, file_name: z.string(), width: side, height: side }));
const box = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);
const annotationShape = z.object({
  image_id: id,
  caption: z.string().nullish(),
  bbox: z.union([box, z.tuple([])]).nullish(),
  category_id: id.nullish(),
  iscrowd: z.union([z.number(), z.boolean()]).nullish(),
});
const categoryShape = z.object({ id, name: z.string(), supercategory: z.string().nullish() });

/** A category's name, and what it is a kind of. */
export interface Category {
  readonly name: string;
  readonly above?: string | undefined;
}

/** What is needed of an annotation file, without its outlines. */
export interface Annotations {
  /** By their ids: file name, and width and height where the file says them. */
  readonly images: ReadonlyMap<string, { readonly name: string; readonly size: readonly [number, number] | undefined }>;
  readonly captions: readonly { readonly imageId: string; readonly caption: string }[];
  readonly boxes: readonly (PixelBox & { readonly imageId: string })[];
  /** By their ids. */
  readonly categories: ReadonlyMap<string, Category>;
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
  const categories = new Map<string, Category>();
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
    categories: reader('categories', categoryShape, ({ id, name, supercategory }) => {
      categories.set(id, { name, above: supercategory ?? undefined });
    }),
  });
  if (!counts.has('images')) throw new UserError(`${file}: images: expected a list of images, found none`);
  return { images, captions, boxes, categories };
}
