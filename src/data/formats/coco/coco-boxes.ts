import sharp from 'sharp';
import type { NamedBox } from '../../assemble.js';
import type { Remarks } from '../../remarks.js';

/** A box as an annotation file says it. */
export interface PixelBox {
  /** Id of its category. */
  readonly category: string;
  /** Left, top, width and height in pixels. */
  readonly at: readonly [number, number, number, number];
}

/**
 * Boxes as shares of their image's sides.
 *
 * @param labels places of the categories by their ids; boxes of others are counted in `remarks`
 * @param size width and height in pixels, or the file that says them
 */
export async function sharesOf(
  boxes: readonly PixelBox[],
  labels: ReadonlyMap<string, number>,
  size: readonly [number, number] | string,
  id: string,
  remarks: Remarks,
): Promise<NamedBox[]> {
  const [width, height] = typeof size === 'string' ? await sizeOf(size) : size;
  return boxes.flatMap(({ category, at: [left, top, w, h] }): NamedBox[] => {
    const label = labels.get(category);
    if (label !== undefined) return [{ label, at: [left / width, top / height, w / width, h / height] }];
    remarks.add('boxes of categories that are not in the file’s list', `${id}: category_id ${category}`);
    return [];
  });
}

/** Width and height of an image as it is seen, upright. */
async function sizeOf(file: string): Promise<[number, number]> {
  const { autoOrient } = await sharp(file, { limitInputPixels: false }).metadata();
  return [autoOrient.width, autoOrient.height];
}
