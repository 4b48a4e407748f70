import { splitInName, splitsInNames } from '../../splits/split-names.js';

/** What the folders above an image say of it. */
export interface Placement {
  readonly split?: string;
  readonly className?: string;
}

/** Names of folders that only hold the images, and are no class. */
const wrapper = /^(images?|imgs?|jpegimages|jpe?gs?|pngs?|data|dataset|photos?|pictures?)$/i;
/** Names of folders beside them that hold something about the images. */
const companion =
  /^(labels?|masks?|annotations?|segmentations?|segmentationclass|segmentationobject|trimaps?|depths?)$/i;

const outside = 'it lies in no split folder, as others do';
const loose = 'it lies in no class folder, as others do';

/** An image by the names of the folders that it lies in. */
interface Lying {
  readonly path: string;
  readonly folders: readonly string[];
}

/**
 * Tells by how images lie in a folder which splits and classes they are of: `<class>/…`, `<split>/<class>/…`,
 * `<class>/<split>/…`, or flat, with or without splits; below `images/` or not. Folders are splits where all of them
 * are named so, or half of the images or more lie in at least two such; images elsewhere are then of no use.
 *
 * @param paths of images, with slashes
 * @param others paths of other files, by which the shards of img2dataset are known: their folders are no classes
 * @returns for each path its placement, or why it has none
 */
export function placements(paths: readonly string[], others: ReadonlySet<string>): Map<string, Placement | string> {
  const placed = new Map<string, Placement | string>();
  const all = paths.map((path): Lying => ({ path, folders: path.split('/').slice(0, -1) }));
  const top = unwrapped(all, 0, placed);
  const rest = all.filter(({ path }) => !placed.has(path));
  const splits = splitsAt(rest, top);
  if (splits) {
    const bySplit = new Map<string, Lying[]>();
    for (const one of rest) {
      const split = splits.get(one.folders[top] ?? '');
      if (split === undefined) placed.set(one.path, outside);
      else {
        const own = bySplit.get(split);
        if (own) own.push(one);
        else bySplit.set(split, [one]);
      }
    }
    // A folder that all splits have alone, and that holds folders itself, is no class.
    const inSplits = [...bySplit.values()].flat();
    const from = onlyFolder(inSplits, top + 1) === undefined ? top + 1 : top + 2;
    for (const [split, own] of bySplit) placeClasses(own, from, split, others, placed);
  } else if (areClassesAboveSplits(rest, top)) {
    for (const { path, folders } of rest) {
      placed.set(path, { className: folders[top]!, split: splitInName(folders[top + 1]!) });
    }
  } else placeClasses(rest, top, undefined, others, placed);
  return placed;
}

/** So small a share of images, or one, beside the only folder is a stray image. */
const strayShare = 0.1;

/**
 * The first level whose folders mean something: folders around all others (`archive/`, `chest_xray/chest_xray/`) mean
 * nothing. Images in companions of a wrapper, or astray beside it, are placed nowhere.
 */
function unwrapped(
  all: readonly Lying[],
  from: number,
  placed: Map<string, Placement | string>,
  split?: string,
): number {
  let level = from;
  for (;;) {
    const left = all.filter(({ path }) => !placed.has(path));
    const below = left.filter(({ folders }) => folders.length > level);
    const loose = left.filter(({ folders }) => folders.length === level);
    const names = [...new Set(below.map(({ folders }) => folders[level]!))];
    const [only, ...more] = names.filter((name) => !companion.test(name));
    const isWrapper =
      only !== undefined &&
      (wrapper.test(only) ||
        (split !== undefined && splitInName(only) === split) ||
        (split === undefined && only === onlyFolder(below, level)));
    const areStray = loose.length <= Math.max(1, strayShare * left.length) && loose.length < below.length;
    if (!isWrapper || more.length > 0 || (loose.length > 0 && !areStray)) return level;
    for (const { path, folders } of below) {
      if (folders[level] !== only) placed.set(path, `it lies in ${folders[level]}, beside the images in ${only}`);
    }
    for (const { path } of loose) placed.set(path, `it lies beside the folder ${only}, in which the others lie`);
    level++;
  }
}

/** The name of the one folder of a level, where all lie in it and in folders of its own, and it names no split. */
function onlyFolder(all: readonly Lying[], level: number): string | undefined {
  const name = all[0]?.folders[level];
  if (name === undefined || splitInName(name) !== undefined) return undefined;
  return all.every(({ folders }) => folders[level] === name && folders.length > level + 1) ? name : undefined;
}

/** The splits that the folders of a level name, by the folders' names; undefined where they are no splits. */
function splitsAt(all: readonly Lying[], level: number): ReadonlyMap<string, string> | undefined {
  const counts = new Map<string, number>();
  for (const { folders } of all) {
    const name = folders[level];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const splits = splitsInNames([...counts.keys()]);
  if (splits.size === 0) return undefined;
  const inSplits = [...splits.keys()].reduce((sum, name) => sum + counts.get(name)!, 0);
  const most = new Set(splits.values()).size >= 2 && 2 * inSplits >= all.length;
  return splits.size === counts.size || most ? splits : undefined;
}

function areClassesAboveSplits(all: readonly Lying[], level: number): boolean {
  const splits = all.map(({ folders }) => splitInName(folders[level + 1] ?? ''));
  return splits.every((split) => split !== undefined) && new Set(splits).size >= 2;
}

/** Places images by the class folders from a level on; where none of them lies in one, without classes. */
function placeClasses(
  own: readonly Lying[],
  from: number,
  split: string | undefined,
  others: ReadonlySet<string>,
  placed: Map<string, Placement | string>,
): void {
  const level = unwrapped(own, from, placed, split);
  const rest = own.filter(({ path }) => !placed.has(path));
  const isFlat = rest.every(({ folders }) => folders.length <= level) || areShards(rest, level, others);
  for (const { path, folders } of rest) {
    const className = folders[level];
    if (isFlat) placed.set(path, { ...(split !== undefined && { split }) });
    else if (className === undefined) placed.set(path, loose);
    else placed.set(path, { className, ...(split !== undefined && { split }) });
  }
}

/** Whether folders are numbered shards, as img2dataset's `files` output has them: `00000/000000012.jpg`. */
function areShards(own: readonly Lying[], level: number, others: ReadonlySet<string>): boolean {
  return own.every(({ path, folders }) => {
    const shard = folders[level];
    if (shard === undefined || !/^\d{5,}$/.test(shard)) return false;
    const beside = [...folders.slice(0, level), shard].join('/');
    if (others.has(`${beside}_stats.json`) || others.has(`${beside}.parquet`)) return true;
    return new RegExp(`^${shard}\\d{3,}\\.\\w+$`).test(path.slice(path.lastIndexOf('/') + 1));
  });
}
