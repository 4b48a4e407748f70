import { onWhite } from '../augment/index.js';
import { normalizePixels, type PreprocessConfig, resizeAndCrop } from '../clip/index.js';
import { type DecodeOptions, decodeImage, type RawImage } from '../data/index.js';

/**
 * An image as a model sees it, before its numbers are normalised: transparent parts on white, resized and cut as the
 * model's preprocessing says, in Pillow's arithmetic.
 *
 * @param image with all its pixels: of a smaller copy other pixels would come out
 * @param label names it in errors
 * @returns [S, S, 3]
 * @throws UserError for a thin strip
 */
export function squareRgb(image: RawImage, preprocess: PreprocessConfig, label = 'image'): Uint8Array {
  return resizeAndCrop(onWhite(image), [image.height, image.width], preprocess, label);
}

/** {@link squareRgb}, normalised. @returns [3, S, S] */
export function modelPixels(image: RawImage, preprocess: PreprocessConfig, label?: string): Float32Array {
  const { size } = preprocess;
  const out = new Float32Array(3 * size * size);
  normalizePixels(squareRgb(image, preprocess, label), size, preprocess, out, 0);
  return out;
}

/**
 * The one way from an image to a model's pixels: every command, the server and, but for the decoder, the page take it.
 *
 * It is what the image processors of transformers and OpenCLIP make with Pillow, level for level, but for two things
 * that they pass over: transparent parts lie on white here (they drop the alpha channel, so that whatever colour is
 * stored there appears), and an embedded colour profile is applied. Photos are turned upright by their EXIF data, as
 * transformers' `load_image` does before the processor.
 *
 * @param from a file's path or bytes, or an image that is decoded already, with all its pixels
 * @returns [3, S, S]
 * @throws UserError where it cannot be read
 */
export async function preprocessImage(
  from: string | Uint8Array | RawImage,
  preprocess: PreprocessConfig,
  { label, maxPixels }: Pick<DecodeOptions, 'maxPixels'> & { readonly label?: string } = {},
): Promise<Float32Array> {
  const name = label ?? (typeof from === 'string' ? from : 'image');
  const isFile = typeof from === 'string' || from instanceof Uint8Array;
  const image = isFile ? await decodeImage(from, name, { maxPixels, longest: Number.POSITIVE_INFINITY }) : from;
  return modelPixels(image, preprocess, name);
}
