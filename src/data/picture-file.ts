import { stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { PictureRecord } from './assemble.js';
import type { PictureSource, Skipped } from './dataset.js';
import { HeaderChecks } from './header-checks.js';
import { mapParallel } from './parallel.js';

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
  const checks = await HeaderChecks.of(folder);
  const checked = await mapParallel(named, async (picture): Promise<PictureRecord | Skipped> => {
    if (webAddress.test(picture.id)) {
      return { id: picture.id, reason: 'a web address: fetch the pictures first, for example with img2dataset' };
    }
    const id = pathInside(folder, picture.id);
    if (id === undefined) return { id: picture.id, reason: `its path leads out of ${folder}` };
    const file = join(folder, id);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) return { id, reason: `no such file in ${folder}` };
    const fault = await checks.fault(id, file, info);
    return fault === undefined ? { ...picture, id, bytes: info.size } : { id, reason: fault };
  });
  await checks.keep();
  const isSkipped = (picture: PictureRecord | Skipped): picture is Skipped => 'reason' in picture;
  skipped.push(...checked.filter(isSkipped));
  return checked.filter((picture): picture is PictureRecord => !isSkipped(picture));
}

/** Where pictures lie whose ids are paths below a folder. */
export const filesBelow =
  (folder: string) =>
  (id: string): PictureSource => ({ file: join(folder, id) });
