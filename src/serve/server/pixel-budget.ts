import sharp from 'sharp';
import { badRequest, Fault } from './fault.js';
import type { Settings } from './options.js';

/** Longest side of an image, that of a JPEG: decoders take as long for a row of one pixel as for one of a thousand. */
const maxSide = 65_500;
/** How many times as long as a JPEG's a pixel takes to decode: measured, 1 and 90 ns; GIF and WebP lie between them. */
const heifCost = 4;
/** Images whose heads are read at once. */
const block = 4;

type Limits = Pick<Settings, 'maxPixels' | 'maxRequestPixels' | 'maxHeldPixels'>;

/**
 * Pixels that the images of all requests under way have when they are decoded: a file of a kilobyte may hold 32 million.
 * They are counted by the images' heads, before any is decoded.
 */
export class PixelBudget {
  private held = 0;

  constructor(private readonly limits: Limits) {}

  /**
   * Counts a request's images; what no decoder knows counts nothing, as it will not be decoded either.
   *
   * @returns what frees them
   * @throws Fault where one of them, or all of them together, have too many pixels; 429 where those of others leave no room
   */
  async take(files: readonly Uint8Array[], signal: AbortSignal): Promise<() => void> {
    const { maxRequestPixels, maxHeldPixels } = this.limits;
    let pixels = 0;
    for (let from = 0; from < files.length; from += block) {
      signal.throwIfAborted();
      const some = files.slice(from, from + block);
      const costs = await Promise.all(some.map((file, i) => this.cost(file, `images[${from + i}]`)));
      for (const cost of costs) pixels += cost;
      if (pixels > maxRequestPixels) {
        throw new Fault(
          413,
          'too_many_pixels',
          `images: expected at most ${millions(maxRequestPixels)} million pixels in all, those of an AVIF counted ${heifCost} times`,
        );
      }
    }
    if (this.held > 0 && this.held + pixels > maxHeldPixels) {
      throw new Fault(429, 'busy', 'too many images are being decoded: try again later', 1);
    }
    this.held += pixels;
    return () => {
      this.held -= pixels;
      pixels = 0;
    };
  }

  private async cost(file: Uint8Array, label: string): Promise<number> {
    const { maxPixels } = this.limits;
    const head = await sharp(file, { limitInputPixels: false })
      .metadata()
      .catch(() => undefined);
    if (!head) return 0;
    const { width, height, format } = head;
    if (width * height > maxPixels) {
      throw new Fault(
        400,
        'unreadable_image',
        `${label}: expected an image of at most ${millions(maxPixels)} million pixels, got ${width}×${height}`,
      );
    }
    if (Math.max(width, height) > maxSide) {
      throw badRequest(`${label}: expected at most ${maxSide} pixels a side, got ${width}×${height}`);
    }
    return width * height * (format === 'heif' ? heifCost : 1);
  }
}

const millions = (pixels: number) => pixels / 1e6;
