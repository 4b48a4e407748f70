import sharp from 'sharp';
import type { Picture } from '../dataset.js';
import { painted } from './painted.js';
import { type Placed, type Scene, side } from './scene.js';
import type { Paint } from './things.js';

/** Draws a scene: what stands behind first. @param read the pixels of a drawing */
export async function compose(scene: Scene, read: (id: string) => Promise<Picture>): Promise<Picture> {
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
function cutOut({ sprite, width, height }: Placed, picture: Picture, paint: Paint | undefined): Promise<Buffer> {
  const data = paint ? painted(picture.data, paint) : picture.data;
  return sharp(data, { raw: { width: picture.width, height: picture.height, channels: 4 } })
    .extract(sprite.trim)
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
}
