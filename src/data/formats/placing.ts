import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { isWebAddress, isWindowsPath } from '../images/image-file.js';
import { isLitter } from './litter.js';

/** So many images are looked for, and so many folders in which they may lie. */
const [looked, mostPlaces] = [20, 200];

/** Where images lie: the folder below, and how many folders of their paths are left out. */
interface Place {
  readonly place: string;
  readonly without: number;
  readonly hits: number;
}

const slashes = (path: string): string => path.replaceAll('\\', '/');
const isFromElsewhere = (path: string): boolean => isAbsolute(path) || isWindowsPath(path);
const isOfHere = (path: string): boolean => !isFromElsewhere(path) && !isWebAddress(path);
const leadsUp = (path: string): boolean => /^\.\.[\\/]/.test(path);
const fromStart = (path: string): string => slashes(path).replace(/^([a-z]:)?\/+/i, '');

/**
 * Where below a folder the images of an annotation file lie: the place that has most of the first ones, of equal places the
 * first. Where none is found, the first folders of their paths are left out, one after the other: data often moves
 * from `mydata/images/1.png` to `images/1.png`. Paths of another machine are read so below `root`, where one is given.
 *
 * @returns the path of an image as it is here, or as it was given where it is not found
 */
export function placing(
  folder: string,
  places: readonly string[],
  images: readonly string[],
  root?: string,
): (path: string) => string {
  const own = images.filter((path) => isOfHere(path) && !leadsUp(path));
  const { place, without } = bestPlace(folder, places, own) ?? { place: '.', without: 0 };
  const below = place === '.' ? '' : `${place}/`;
  const others = root === undefined ? [] : images.filter(isFromElsewhere).map(fromStart);
  const outer = bestPlace(root ?? folder, ['.'], others);
  return (path) => {
    if (isOfHere(path)) return below + (leadsUp(path) ? path : shortened(path, without));
    return root === undefined || !outer || !isFromElsewhere(path)
      ? path
      : join(root, shortened(fromStart(path), outer.without));
  };
}

const shortened = (path: string, without: number): string =>
  without === 0 ? path : slashes(path).split('/').slice(without).join('/');

function bestPlace(folder: string, places: readonly string[], images: readonly string[]): Place | undefined {
  const first = images.slice(0, looked);
  const depth = Math.min(...first.map((path) => slashes(path).split('/').length));
  for (let without = 0; without < depth && first.length > 0; without++) {
    let best: Place = { place: '.', without, hits: 0 };
    for (const place of places) {
      const hits = first.filter((path) => isThere(join(folder, place, slashes(shortened(path, without))))).length;
      if (hits > best.hits) best = { place, without, hits };
      if (hits === first.length) break;
    }
    if (best.hits > 0) return best;
  }
  return undefined;
}

/** Tables may leave the ending out. */
const isThere = (file: string): boolean => ['', '.jpg', '.png'].some((ending) => existsSync(file + ending));

/** A folder and those below it, two levels deep, as places for {@link placing}. */
export async function placesBelow(folder: string): Promise<string[]> {
  const foldersOf = async (place: string): Promise<string[]> => {
    const entries = await readdir(join(folder, place), { withFileTypes: true }).catch(() => []);
    const names = entries.filter((one) => one.isDirectory() || one.isSymbolicLink()).map(({ name }) => name);
    return names
      .filter((name) => !isLitter(name))
      .sort()
      .map((name) => (place === '.' ? name : `${place}/${name}`));
  };
  const above = await foldersOf('.');
  const below = await Promise.all(above.slice(0, mostPlaces).map(foldersOf));
  return ['.', ...above, ...below.flat()].slice(0, mostPlaces);
}
