import sharp from 'sharp';
import { MAX_PIXELS } from '../clip/pixels.js';
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
    if (info.channels !== 3 && info.channels !== 4) throw new Error(`it has ${info.channels} channels`);
    return { width: info.width, height: info.height, channels: info.channels, data };
  } catch (error) {
    throw new UserError(
      `${label}: expected a picture of at most ${maxPixels / 1e6} million pixels: ${(error as Error).message}`,
    );
  }
}
