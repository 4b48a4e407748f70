import sharp from 'sharp';
import { MAX_PIXELS, pictureError } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Picture } from './dataset.js';

/** Longest side that a decoded picture is kept at: augmentation crops from it. */
const longest = 512;

/**
 * Decodes a picture file upright, in sRGB, at most 512 pixels a side.
 *
 * @throws UserError where it cannot be read, or has more pixels than allowed
 */
export async function decodePicture(
  from: string | Uint8Array,
  label = String(from),
  maxPixels = MAX_PIXELS,
): Promise<Picture> {
  try {
    const { data, info } = await sharp(from, { limitInputPixels: maxPixels })
      .autoOrient()
      .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels === 3 || channels === 4) return { width, height, channels, data };
    throw new UserError(`${label}: expected a picture of 3 or 4 channels, got ${channels}`);
  } catch (error) {
    throw error instanceof UserError ? error : pictureError(label, error, maxPixels);
  }
}
