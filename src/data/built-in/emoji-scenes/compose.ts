import sharp from 'sharp';
import type { RawImage } from '../../dataset.js';
import { painted } from './painted.js';
import { type Placed, type Scene, side } from './scene.js';
import type { Paint } from './things.js';

/** Draws a scene: what stands behind first. @param read the pixels of a drawing */
export async function compose(scene: Scene, read: (id: string) => Promise<RawImage>): Promise<RawImage> {
  const { top, bottom, horizon } = scene.background;
  const line = Math.round(side * horizon);
  const backdrop = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="${side}" height="${side}" fill="${top}"/><rect y="${line}" width="${side}" height="${side - line}" fill="${bottom}"/></svg>`;
  const layers = await Promise.all(
    scene.groups.flatMap(({ things, paint }) =>
      things.map(async (thing) => ({
        input: await cutOut(thing, await read(thing.sprite.id), paint),
        raw: { width: thing.width, height: thing.height, channels: 4 as const },
        left: thing.left,
        top: thing.top,
      })),
    ),
  );
  const data = await sharp(Buffer.from(backdrop)).composite(layers).removeAlpha().raw().toBuffer();
  return { width: side, height: side, channels: 3, data };
}

/** A drawing without its transparent margin, painted, at its size in the scene. */
function cutOut({ sprite, width, height }: Placed, image: RawImage, paint: Paint | undefined): Promise<Buffer> {
  const data = paint ? painted(image.data, paint) : image.data;
  return sharp(data, { raw: { width: image.width, height: image.height, channels: 4 } })
    .extract(sprite.trim)
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
}
