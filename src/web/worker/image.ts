import { MAX_PIXELS } from '../../clip/browser.js';

export interface Rgb {
  /** [height, width, 3] */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes an image upright and in sRGB, its colour profile applied, transparent parts on white: as Node reads images.
 * Opaque PNG pixels without a profile are the file's own, bit for bit.
 *
 * @throws where it is no image that this browser can read
 */
export async function decode(image: Blob | ImageBitmap): Promise<Rgb> {
  const bitmap = image instanceof Blob ? await open(image) : image;
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS) {
      throw new Error(`Expected an image of at most ${MAX_PIXELS / 1e6} million pixels, got ${width} × ${height}.`);
    }
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    const rgba = context.getImageData(0, 0, width, height).data;
    const data = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
      data[to] = rgba[from]!;
      data[to + 1] = rgba[from + 1]!;
      data[to + 2] = rgba[from + 2]!;
    }
    return { data, width, height };
  } finally {
    bitmap.close();
  }
}

async function open(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image', colorSpaceConversion: 'default' });
  } catch {
    const name = blob instanceof File && blob.name ? blob.name : 'This file';
    throw new Error(`${name} is not an image that this browser can read. Try PNG, JPEG, WebP, GIF or AVIF.`);
  }
}
