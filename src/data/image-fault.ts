import sharp from 'sharp';
import { MAX_PIXELS } from '../clip/index.js';

/** Why an image cannot be used, as far as its header says; undefined where it can. */
export async function imageFault(from: string | Uint8Array): Promise<string | undefined> {
  try {
    const { width, height } = await sharp(from, { limitInputPixels: false, failOn: 'truncated' }).metadata();
    if (width * height <= MAX_PIXELS) return undefined;
    return `it has ${width} × ${height} pixels, more than ${MAX_PIXELS / 1e6} million`;
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
}
