import sharp from 'sharp';
import { MAX_PIXELS, pictureError } from '../clip/index.js';
import type { Picture } from './dataset.js';
import { PictureError } from './picture-error.js';

/** Longest side that a decoded picture is kept at: augmentation crops from it. */
const longest = 512;

/**
 * Decodes a picture file upright, in sRGB, at most 512 pixels a side.
 *
 * Damage that others read over, as bytes that no marker announces, is read over; what is cut short is not.
 *
 * @throws PictureError where it cannot be read, or has more pixels than allowed
 */
export async function decodePicture(
  from: string | Uint8Array,
  label = String(from),
  maxPixels = MAX_PIXELS,
): Promise<Picture> {
  try {
    const { data, info } = await sharp(from, { limitInputPixels: maxPixels, failOn: 'truncated' })
      .autoOrient()
      .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels === 3 || channels === 4) return { width, height, channels, data };
    throw new PictureError(label, `expected a picture of 3 or 4 channels, got ${channels}`);
  } catch (error) {
    if (error instanceof PictureError) throw error;
    throw new PictureError(label, pictureError(label, error, maxPixels).message.slice(label.length + 2));
  }
}
