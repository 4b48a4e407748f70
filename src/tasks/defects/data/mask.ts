import sharp from 'sharp';
import { MAX_PIXELS } from '../../../clip/index.js';
import type { RawImage } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import type { DefectMask } from './defect-data.js';

/**
 * Reads a mask: an image of one channel, or of equal ones, of two values, the greater of which marks the defect. One value
 * alone marks none if it is 0, and all if it is not.
 *
 * @param from a file or its bytes
 * @param label names it in errors
 * @param kinds whether each value above 0 marks a defect, of a kind of its own, as in VisA
 * @throws UserError where it cannot be read, has another size than its image, or more than two values
 */
export async function readMask(
  from: string | Uint8Array,
  label: string,
  image: Pick<RawImage, 'width' | 'height'>,
  kinds = false,
): Promise<DefectMask> {
  const unreadable = (error: Error): never => {
    throw new UserError(
      `${label}: expected a mask, an image of two values, got one that cannot be read: ${error.message}`,
    );
  };
  const file = sharp(from, { failOn: 'truncated', limitInputPixels: MAX_PIXELS });
  // Its head says how large it is: what does not fit is not decoded.
  const { width, height } = await file.metadata().catch(unreadable);
  if (width !== image.width || height !== image.height) {
    throw new UserError(
      `${label}: expected a mask of ${image.width} × ${image.height} pixels, as its image has, got ${width} × ${height}`,
    );
  }
  const { data, info } = await file
    .removeAlpha()
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true })
    .catch(unreadable);
  const { channels } = info;
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const found = new Set<number>();
  for (const value of values) {
    found.add(value);
    if (found.size > 2 && !kinds) {
      const [a, b, c] = [...found].sort((x, y) => x - y);
      throw new UserError(
        `${label}: expected a mask of two values, as 0 and 255, got at least ${a}, ${b} and ${c}: save it as PNG, not resized and not smoothed`,
      );
    }
  }
  const most = Math.max(...found);
  const mask = new Uint8Array(width * height);
  for (let i = 0; most > 0 && i < mask.length; i++) {
    const value = values[i * channels]!;
    mask[i] = kinds ? Number(value > 0) : Number(value === most);
  }
  return { width, height, data: mask };
}

/** The mask of a sound image. */
export const soundMask = ({ width, height }: Pick<RawImage, 'width' | 'height'>): DefectMask => ({
  ...{ width, height },
  data: new Uint8Array(width * height),
});
