import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { ImageRecord } from '../assemble.js';
import type { ImageSource, Skipped } from '../dataset.js';
import { mapParallel } from '../parallel.js';
import { HeaderChecks } from './header-checks.js';

export const isWebAddress = (path: string): boolean => /^[a-z][a-z\d+.-]+:\/\//i.test(path);

/** A path that data names, relative to its folder with slashes; undefined for a web address, or where it leads out of the folder. */
export const pathInside = (folder: string, path: string): string | undefined =>
  isWebAddress(path) ? undefined : pathBelow(folder, path);

/** A path of a Windows machine: `C:\\data\\1.png`. */
export const isWindowsPath = (path: string): boolean => /^[a-z]:[\\/]/i.test(path);

/** {@link pathInside} of what is no web address. */
export function pathBelow(folder: string, path: string): string | undefined {
  const inside = relative(folder, resolve(folder, path));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
  return inside.split(sep).join('/');
}

/** What data says of an image that lies in a file; the id is its path below `folder`, or one that leads there. */
export type NamedImage = Omit<ImageRecord, 'bytes'>;

/**
 * Those of the images that lie below the folder, or below `root` where one is given, and whose header can be read. The
 * others are added to `skipped`. Paths are found as people bring them from elsewhere: with other letters for the same
 * signs (NFC, NFD), other capitals, with backslashes, without an ending.
 *
 * @param root a folder that paths may lead to out of the other one, or start from
 */
export async function readableImages<Named extends NamedImage>(
  folder: string,
  named: readonly Named[],
  skipped: Skipped[],
  root?: string,
): Promise<(Named & ImageRecord)[]> {
  type Readable = Named & ImageRecord;
  const checks = await HeaderChecks.of(folder);
  const finder = new Finder();
  const checked = await mapParallel(named, async (image): Promise<Readable | Skipped> => {
    if (isWebAddress(image.id)) {
      return { id: image.id, reason: 'a web address: fetch the images first, for example with img2dataset' };
    }
    const allowed = allowedPlaces(folder, image.id, root && resolve(root));
    if (allowed.length === 0) {
      const reason = root
        ? `its path leads out of ${folder} and of ${root}`
        : `its path leads out of ${folder}; name a folder that such paths may lead to with ?root=DIR behind --data`;
      return { id: image.id, reason };
    }
    for (const place of allowed) {
      const file = await finder.find(place);
      if (file === undefined) continue;
      const info = await stat(file);
      const id = relative(folder, file).split(sep).join('/');
      const fault = await checks.fault(id, file, info);
      return fault === undefined ? { ...image, id, bytes: info.size } : { id, reason: fault };
    }
    return {
      id: pathInside(folder, image.id) ?? image.id,
      reason: `no such file in ${pathInside(folder, image.id) ? folder : root}`,
    };
  });
  await checks.keep();
  const isSkipped = (image: Readable | Skipped): image is Skipped => 'reason' in image;
  skipped.push(...checked.filter(isSkipped));
  return checked.filter((image): image is Readable => !isSkipped(image));
}

/** Where a path may lead, the likeliest first. */
function allowedPlaces(folder: string, path: string, root: string | undefined): string[] {
  if (isWindowsPath(path) && root === undefined) return [];
  const ways = path.includes('\\') && sep === '/' ? [path, path.replaceAll('\\', '/')] : [path];
  const places = ways.flatMap((way) => {
    const own = pathInside(folder, way) === undefined ? [] : [resolve(folder, way)];
    if (root === undefined) return own;
    // From the images' folder into the root, from the root, or from the root though it looks absolute.
    const led = [resolve(folder, way), resolve(root, way), join(root, way)];
    return [...own, ...led.filter((place) => pathInside(root, place) !== undefined)];
  });
  return [...new Set(places)];
}

/** Endings that data leaves out: `image_id` of many tables. */
const endings = ['.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.webp'];

/** Finds files whose names are written in another way than on the disk. Folders are listed once. */
class Finder {
  private readonly listings = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>();

  async find(file: string): Promise<string | undefined> {
    if (await isFile(file)) return file;
    const other = await this.otherwise(file);
    if (other !== undefined && (await isFile(other))) return other;
    if (/^\.[a-z]{2,4}$/i.test(extname(file))) return undefined;
    for (const ending of endings) if (await isFile(file + ending)) return file + ending;
    return undefined;
  }

  /** The path on the disk that has the same composed letters, or but for capitals the same, if there is one such. */
  private async otherwise(path: string): Promise<string | undefined> {
    const above = dirname(path);
    if (above === path) return path;
    const folder = (await stat(above).catch(() => undefined)) ? above : await this.otherwise(above);
    if (folder === undefined) return undefined;
    const own = basename(path).normalize('NFC');
    const listing = await this.listing(folder);
    const [name, more] = listing.get(own) ?? listing.get(own.toLowerCase()) ?? [];
    return name === undefined || more !== undefined ? undefined : join(folder, name);
  }

  /** Names on the disk by their composed letters, and by small ones. */
  private listing(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
    let listing = this.listings.get(folder);
    if (!listing) {
      listing = readdir(folder).then(
        (names) => {
          const composed = names.map((name) => [name.normalize('NFC'), name] as const);
          const found = new Map<string, string[]>();
          for (const [own, name] of composed) {
            const key = own.toLowerCase();
            found.set(key, [...(found.get(key) ?? []), name]);
          }
          for (const [own, name] of composed) found.set(own, [name]);
          return found;
        },
        () => new Map(),
      );
      this.listings.set(folder, listing);
    }
    return listing;
  }
}

const isFile = async (file: string): Promise<boolean> => !!(await stat(file).catch(() => undefined))?.isFile();

/** Where images lie whose ids are paths from a folder. */
export const filesBelow =
  (folder: string) =>
  (id: string): ImageSource => ({ file: join(folder, id) });
