import sharp, { type Sharp } from 'sharp';
import { imageError, MAX_PIXELS } from '../../clip/index.js';
import type { RawImage } from '../dataset.js';
import { ImageError } from './image-error.js';

/** Limits of decoding an image. */
export interface DecodeOptions {
  /** Images of more pixels are refused. @defaultValue 100 million */
  readonly maxPixels?: number;
  /** Longest side that is kept. @defaultValue 512, out of which augmentation crops; Infinity: all pixels */
  readonly longest?: number;
}

/**
 * Decodes an image file upright and in sRGB.
 *
 * An embedded colour profile is applied, EXIF's orientation too (as transformers' `load_image` does). 16 bits a channel
 * become their upper 8, grey becomes RGB. CMYK without a profile becomes RGB as Pillow and browsers reckon it.
 *
 * Damage that others read over, as bytes that no marker announces, is read over; what is cut short is not.
 *
 * @throws ImageError where it cannot be read, or has more pixels than allowed
 */
export async function decodeImage(
  from: string | Uint8Array,
  label = String(from),
  { maxPixels = MAX_PIXELS, longest = 512 }: DecodeOptions = {},
): Promise<RawImage> {
  try {
    const image = sharp(from, { limitInputPixels: maxPixels, failOn: 'truncated' });
    const { space, depth, icc } = await image.metadata();
    image.autoOrient();
    // Without a limit there is no resizing at all: JPEGs would be shrunk by their decoder.
    if (longest < Number.POSITIVE_INFINITY) {
      image.resize(longest, longest, { fit: 'inside', withoutEnlargement: true });
    }
    if (space === 'cmyk' && !icc) return await fromInks(image);
    image.toColourspace('srgb');
    // libvips keeps 16 bits in the wider Display P3 unless a profile is asked for.
    if (depth === 'ushort' && icc) image.withIccProfile('srgb');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels === 3 || channels === 4) return { width, height, channels, data };
    throw new ImageError(label, `expected an image of 3 or 4 channels, got ${channels}`);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(label, imageError(label, error, maxPixels).message.slice(label.length + 2));
  }
}

/** Each colour is what its ink and black let through: (255 − ink)(255 − black) / 255. */
async function fromInks(image: Sharp): Promise<RawImage> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0, to = 0; to < rgb.length; pixel += 4) {
    const light = 255 - data[pixel + 3]!;
    for (let c = 0; c < 3; c++) rgb[to++] = Math.max(0, light - Math.round((data[pixel + c]! * light) / 255));
  }
  return { width, height, channels: 3, data: rgb };
}
