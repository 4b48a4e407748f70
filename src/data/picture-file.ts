import { stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import sharp from 'sharp';
import { MAX_PIXELS } from '../clip/index.js';
import type { PictureRecord } from './assemble.js';
import type { Picture, Skipped } from './dataset.js';
import { decodePicture } from './decode.js';
import { mapParallel } from './parallel.js';

/** Why a picture cannot be used, as far as its header says; undefined where it can. */
export async function pictureFault(from: string | Uint8Array): Promise<string | undefined> {
  try {
    const { width, height } = await sharp(from, { limitInputPixels: false }).metadata();
    if (width * height <= MAX_PIXELS) return undefined;
    return `it has ${width} × ${height} pixels, more than ${MAX_PIXELS / 1e6} million`;
  } catch (error) {
    return (error as Error).message.split('\n')[0]!;
  }
}

const webAddress = /^[a-z]+:\/\//i;

/** A path that data names, relative to its folder with slashes; undefined where it leads out of the folder. */
export function pathInside(folder: string, path: string): string | undefined {
  if (webAddress.test(path)) return undefined;
  const inside = relative(folder, resolve(folder, path));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
  return inside.split(sep).join('/');
}

/** What data says of a picture that lies in a file; the id is its path below `folder`, or one that leads there. */
export type NamedPicture = Omit<PictureRecord, 'bytes'>;

/** Those of the pictures that lie below the folder and whose header can be read. The others are added to `skipped`. */
export async function readablePictures(
  folder: string,
  named: readonly NamedPicture[],
  skipped: Skipped[],
): Promise<PictureRecord[]> {
  const checked = await mapParallel(named, async (picture): Promise<PictureRecord | Skipped> => {
    if (webAddress.test(picture.id)) {
      return { id: picture.id, reason: 'a web address: fetch the pictures first, for example with img2dataset' };
    }
    const id = pathInside(folder, picture.id);
    if (id === undefined) return { id: picture.id, reason: `its path leads out of ${folder}` };
    const file = join(folder, id);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) return { id, reason: `no such file in ${folder}` };
    const fault = await pictureFault(file);
    return fault === undefined ? { ...picture, id, bytes: info.size } : { id, reason: fault };
  });
  const isSkipped = (picture: PictureRecord | Skipped): picture is Skipped => 'reason' in picture;
  skipped.push(...checked.filter(isSkipped));
  return checked.filter((picture): picture is PictureRecord => !isSkipped(picture));
}

/** Reads pictures whose ids are paths below a folder. */
export const loadFrom =
  (folder: string) =>
  (id: string): Promise<Picture> =>
    decodePicture(join(folder, id), id);
