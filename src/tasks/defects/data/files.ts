import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pathInside, readImage, type Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { cannotRead, hash } from '../../../files/index.js';
import type { DefectDataset, DefectImage, Product } from './defect-data.js';
import { readMask, soundMask } from './mask.js';

const types = new Set(['.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp']);

/** Whether a file is an image by its name's ending. */
export const isImageName = (name: string): boolean => types.has(extname(name).toLowerCase());

/** Names in a folder, in order; hidden ones are left out. @throws UserError naming it where it cannot be read */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error) => {
    throw cannotRead(folder, error);
  });
  return names.filter((name) => !name.startsWith('.')).sort();
}

/** Image files in a folder, in order of name. */
export async function imagesIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter(isImageName);
}

/** Folders in a folder, in order of name. */
export async function foldersIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await namesIn(folder)) {
    // A link may lead nowhere.
    const info = await stat(join(folder, name)).catch(() => undefined);
    if (info?.isDirectory()) found.push(name);
  }
  return found;
}

/** An image file of a product, and its mask's. */
export interface ImageFile {
  /** Path from the data's folder, with slashes: its id. */
  readonly path: string;
  readonly defect?: string;
  /** From the data's folder. */
  readonly mask?: string;
}

/** The image files of a product. */
export interface ProductFiles {
  readonly name: string;
  readonly train: readonly ImageFile[];
  readonly test: readonly ImageFile[];
}

/**
 * Image files as data: images that are named but are not there are skipped, defective ones for training too.
 *
 * @param root what paths start from
 * @param options.kinds whether masks have a value for each kind of defect
 * @param options.anywhere whether paths may lead out of `root`: whoever asks for the data has named them
 * @throws UserError where no product has a sound image to be fitted by
 */
export async function fileDataset(
  name: string,
  root: string,
  given: readonly ProductFiles[],
  { kinds = false, anywhere = false }: { readonly kinds?: boolean; readonly anywhere?: boolean } = {},
): Promise<DefectDataset> {
  const skipped: Skipped[] = [];
  const masks = new Map<string, string>();
  const sizes: string[] = [];
  const imagesOf = async (product: string, files: readonly ImageFile[], soundOnly: boolean) => {
    const images: DefectImage[] = [];
    for (const { path, defect, mask } of files) {
      const leadsOut = [path, mask].some((one) => one !== undefined && pathInside(root, one) === undefined);
      if (leadsOut && !anywhere) {
        skipped.push({ id: path, reason: `${path}: its path, or its mask’s, leads out of ${root}` });
        continue;
      }
      const info = await stat(join(root, path)).catch(() => undefined);
      if (!info) {
        skipped.push({ id: path, reason: `${path}: found no such file` });
        continue;
      }
      if (soundOnly && defect !== undefined) {
        skipped.push({
          id: path,
          reason: `${path}: a defective image (${defect}) among those for training, which are sound`,
        });
        continue;
      }
      sizes.push(`${path} ${info.size} ${defect ?? ''} ${mask ?? ''}`);
      if (mask !== undefined) masks.set(path, mask);
      images.push({ id: path, product, ...(defect !== undefined && { defect }) });
    }
    return images;
  };
  const products: Product[] = [];
  for (const { name: product, train, test } of given) {
    products.push({
      name: product,
      train: await imagesOf(product, train, true),
      test: await imagesOf(product, test, false),
    });
  }
  if (!products.some(({ train }) => train.length > 0)) {
    const all = skipped.length > 0 ? `, the first that was left out: ${skipped[0]!.reason.slice(0, 300)}` : '';
    throw new UserError(`${name}: expected sound images to be fitted by, found none${all}`);
  }
  return {
    ...{ name, products, skipped },
    fingerprint: `${name}-${hash(sizes.join('\n')).slice(0, 16)}`,
    load: ({ id }) => readImage({ file: join(root, id) }, id, { longest: Number.POSITIVE_INFINITY }),
    async mask({ id, defect }, size) {
      const mask = masks.get(id);
      if (mask !== undefined && existsSync(join(root, mask))) return readMask(join(root, mask), mask, size, kinds);
      if (mask !== undefined) throw new UserError(`${id}: its mask ${mask} is not there`);
      return defect === undefined ? soundMask(size) : undefined;
    },
  };
}
