import { createHash } from 'node:crypto';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import { brokenText, cleanCaption, isBrokenText } from './caption.js';
import type { Box, ClassInfo, Example, ImageTextDataset, PictureSource, Skipped } from './dataset.js';
import { readPicture } from './source.js';

/** What a data format says of one picture. */
export interface PictureRecord {
  /** Unique, stable between runs. */
  readonly id: string;
  readonly captions: readonly string[];
  /** Name of its class, where the data says. */
  readonly className?: string;
  readonly split?: string;
  /** Size of its file. */
  readonly bytes: number;
  readonly boxes?: readonly NamedBox[];
}

/** A box with the name of its class. */
export interface NamedBox {
  readonly className: string;
  readonly at: Box['at'];
}

/** What a data format found. */
export interface Collection {
  readonly records: readonly PictureRecord[];
  readonly skipped: readonly Skipped[];
  /** Names of the classes in the order of their labels, where the data has one. */
  readonly classNames?: readonly string[];
  /** Where the picture of a record lies. */
  source(id: string): PictureSource;
}

/** Options that every format takes behind its path, as in `folder:DIR?into=test&novel=half`. */
export interface CommonDataOptions {
  /** Class names; data without labels is trained on with them as its class texts. */
  readonly classes?: readonly string[];
  /** All pictures go into this split. */
  readonly into?: string;
  /** The later half of the classes is kept out of training. */
  readonly novel?: 'half';
}

/** Where data has no splits of its own, this share of each class is kept for testing. */
const testShare = 0.2;

/**
 * Makes a data set of what a format found: cleans captions, numbers the classes, deals splits where there are none.
 *
 * A picture with a class and no caption is described by its class. A fifth of each class becomes `test` where no
 * picture names a split, by lot from the ids. With `novel: 'half'` the classes are halved as CoOp does it: the first
 * ⌈n/2⌉ in order of their labels are base classes; pictures of the others are kept only where they are in `test`, which
 * becomes the split `novel`.
 *
 * @throws UserError where no picture is left, or there are not enough classes to halve
 */
export function assemble(name: string, found: Collection, options: CommonDataOptions = {}): ImageTextDataset {
  const skipped = [...found.skipped];
  const usable = withoutFaults(found.records, options, skipped);
  if (usable.length === 0) {
    const [first] = skipped;
    throw new UserError(
      `${name}: expected pictures, found none that can be used${first ? `; ${first.id}: ${first.reason}` : ''}`,
    );
  }
  const names =
    options.classes ??
    found.classNames ??
    [...new Set(usable.flatMap(({ className }) => className ?? []))].sort((a, b) => (a < b ? -1 : 1));
  const base = options.novel === 'half' ? baseClasses(name, names) : names.length;
  const classes = names.map((className, label): ClassInfo => ({ name: className, novel: label >= base }));
  const labels = new Map(names.map((className, label) => [className, label]));
  const splits = new Map<string, Example[]>();
  const sum = createHash('sha256').update(JSON.stringify(classes));
  for (const [split, record] of dealt(usable, options.into)) {
    const label = record.className === undefined ? undefined : labels.get(record.className)!;
    const isNovel = label !== undefined && label >= base;
    if (isNovel && split !== 'test') continue;
    const { id, bytes } = record;
    const boxes = record.boxes?.flatMap(({ className, at }): Box[] => {
      const box = labels.get(className);
      return box === undefined ? [] : [{ label: box, at }];
    });
    const example: Example = {
      id,
      ...(label !== undefined && { label }),
      captions: record.captions,
      ...(boxes && { boxes }),
    };
    const into = isNovel ? 'novel' : split;
    const known = splits.get(into);
    if (known) known.push(example);
    else splits.set(into, [example]);
    sum.update(JSON.stringify([into, example, bytes]));
  }
  return {
    name,
    classes,
    splits: Object.fromEntries(splits),
    skipped,
    fingerprint: `${name.split(':')[0]}-${sum.digest('hex').slice(0, 16)}`,
    source: ({ id }) => found.source(id),
    load: ({ id }) => readPicture(found.source(id), id),
  };
}

/** Pictures with clean captions; those with a fault are added to `skipped`. */
function withoutFaults(
  records: readonly PictureRecord[],
  { classes, into }: CommonDataOptions,
  skipped: Skipped[],
): PictureRecord[] {
  const ids = new Set<string>();
  const wanted = classes && new Set(classes);
  const hasSplits = into === undefined && records.some(({ split }) => split !== undefined);
  const fault = ({ id, captions, className, split }: PictureRecord): string | undefined => {
    if (ids.has(id)) return 'another picture has the same name';
    if ([...captions, className ?? ''].some(isBrokenText)) return brokenText;
    if (wanted && className !== undefined && !wanted.has(className))
      return `its class ${className} is not in the classes given`;
    if (hasSplits && !split) return 'it names no split, as others do';
    return undefined;
  };
  return records.flatMap((record) => {
    const reason = fault(record);
    if (reason !== undefined) {
      skipped.push({ id: record.id, reason });
      return [];
    }
    ids.add(record.id);
    const clean = (texts: readonly string[]) => [...new Set(texts.map(cleanCaption))].filter((text) => text !== '');
    const own = clean(record.captions);
    const { className } = record;
    const captions = own.length > 0 || className === undefined ? own : clean([`a picture of ${className}`, className]);
    return [{ ...record, captions }];
  });
}

/** Every picture with its split: its own, the one given for all, or by lot. */
function* dealt(records: readonly PictureRecord[], into: string | undefined): Iterable<[string, PictureRecord]> {
  if (into !== undefined || records.some(({ split }) => split !== undefined)) {
    for (const record of records) yield [into ?? splitName(record.split!), record];
    return;
  }
  const byClass = new Map<string, PictureRecord[]>();
  for (const record of records) {
    const name = record.className ?? '';
    const known = byClass.get(name);
    if (known) known.push(record);
    else byClass.set(name, [record]);
  }
  for (const [name, own] of [...byClass].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const lot = new Random('folder', name).shuffle(own);
    const tests = Math.floor(lot.length * testShare);
    for (const [i, record] of lot.entries()) yield [i < tests ? 'test' : 'train', record];
  }
}

const otherNames: Readonly<Record<string, string>> = {
  training: 'train',
  restval: 'train', // Karpathy's: COCO's validation pictures that are trained on
  valid: 'val',
  validation: 'val',
  dev: 'val',
  testing: 'test',
};

/** A split's usual name: `train`, `val` or `test`, or its own in small letters. */
export function splitName(given: string): string {
  const name = given.trim().toLowerCase();
  return otherNames[name] ?? name;
}

function baseClasses(name: string, classes: readonly string[]): number {
  if (classes.length < 2) {
    throw new UserError(`${name}: novel=half: expected at least two classes, found ${classes.length}`);
  }
  return Math.ceil(classes.length / 2);
}
