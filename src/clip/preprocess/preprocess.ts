import sharp, { type OutputInfo } from 'sharp';
import { MAX_PIXELS, normalizePixels, pictureError, resizeAndCrop } from './pixels.js';
import type { PreprocessConfig } from './preprocess-config.js';

/**
 * Reads a picture and makes it the vision tower's input, as Hugging Face's CLIPImageProcessor does with Pillow:
 * the alpha channel is dropped (not composited), gray becomes RGB, colour profiles are not applied. Unlike there, a
 * photo is turned upright first where its EXIF data says so.
 *
 * @returns [3, size, size]
 * @throws UserError where the picture cannot be read.
 */
export async function preprocessImage(from: string | Uint8Array, config: PreprocessConfig): Promise<Float32Array> {
  const label = typeof from === 'string' ? from : 'picture';
  let decoded: { data: Uint8Array; info: OutputInfo };
  try {
    decoded = await sharp(from, { limitInputPixels: MAX_PIXELS, ignoreIcc: true })
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw pictureError(label, error);
  }
  const { width, height, channels } = decoded.info;
  const rgb = channels === 3 ? decoded.data : grayToRgb(decoded.data, width * height, channels);
  const out = new Float32Array(3 * config.size ** 2);
  normalizePixels(resizeAndCrop(rgb, [height, width], config, label), config.size, config, out, 0);
  return out;
}

function grayToRgb(data: Uint8Array, pixels: number, channels: number): Uint8Array {
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) rgb.fill(data[i * channels]!, i * 3, i * 3 + 3);
  return rgb;
}
