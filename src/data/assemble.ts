import { createHash } from 'node:crypto';
import { UserError } from '../errors.js';
import type { Box, ClassInfo, Example, ImageKind, ImageSource, ImageTextDataset, Remark, Skipped } from './dataset.js';
import { readImage } from './images/source.js';
import { brokenText, cleanCaptions, isBrokenText, mostCaptions } from './labels/caption.js';
import { classCaptions } from './labels/class-captions.js';
import { classLabels } from './labels/class-labels.js';
import { Remarks } from './remarks.js';
import { dealingRule, dealSplits } from './splits/deal-splits.js';
import { splitName } from './splits/split-names.js';

/** What a data format says of one image. */
export interface ImageRecord {
  /** Unique, stable between runs. */
  readonly id: string;
  readonly captions: readonly string[];
  /** Name or number of its class as the data writes it, where it says. */
  readonly className?: string;
  /** Or its place in the collection's `classNames`; below 0 and beyond the end it stands for no class. */
  readonly label?: number;
  readonly split?: string;
  /** Size of its file. */
  readonly bytes: number;
  readonly boxes?: readonly NamedBox[];
}

/** A box with its class's place in the collection's `classNames`. */
export interface NamedBox {
  readonly label: number;
  readonly at: Box['at'];
}

/** What a data format found. */
export interface Collection {
  readonly records: readonly ImageRecord[];
  readonly skipped: readonly Skipped[];
  /** What is to be said of it beside. */
  readonly remarks?: readonly Remark[];
  /** Names of the classes in the order of their labels, where the data has one. */
  readonly classNames?: readonly string[];
  /** Where the image of a record lies. */
  source(id: string): ImageSource;
}

/** Options that every format takes behind its path, as in `folder:DIR?into=test&novel=half`. */
export interface CommonDataOptions {
  /** Class names; data without labels is trained on with them as its class texts. */
  readonly classes?: readonly string[];
  /** All images go into this split. */
  readonly into?: string;
  /** The later half of the classes is novel: their images are in splits of their own. */
  readonly novel?: 'half';
  /** What the images are. @defaultValue photos */
  readonly kind?: ImageKind;
}

/**
 * Makes a data set of what a format found: cleans captions, numbers the classes, deals splits where there are none.
 *
 * An image with a class and no caption is described by its class (`classCaptions`). Where no image names a split, they are dealt by
 * `dealSplits`. With `novel: 'half'` the classes are halved as CoOp does it: the first ⌈n/2⌉ in order of their labels are
 * base classes; images of the others are in splits of their own, those of `test` in `novel`, those of another split S in
 * `novel-S`: no command trains on them but one that is to see them without labels.
 *
 * @throws UserError where no image is left, or there are not enough classes to halve
 */
export function assemble(name: string, found: Collection, options: CommonDataOptions = {}): ImageTextDataset {
  const skipped = [...found.skipped];
  const remarks = new Remarks();
  const labels = classLabels(found.records, options.classes, found.classNames, remarks);
  const { into, kind = 'photos' } = options;
  const hasSplits = into === undefined && found.records.some(({ split }) => split !== undefined);
  const ids = new Set<string>();
  const usable: (Example & Pick<ImageRecord, 'split' | 'bytes'>)[] = [];
  for (const record of found.records) {
    const { id, bytes, split } = record;
    const label = labels.of(record);
    const reason =
      faultOf(record, ids, found.classNames) ??
      (typeof label === 'object' ? label.reason : undefined) ??
      (hasSplits && !split ? 'it names no split, as others do' : undefined);
    if (reason !== undefined) {
      skipped.push({ id, reason });
      continue;
    }
    ids.add(id);
    const place = label as number | undefined;
    const own = cleanCaptions(record.captions);
    if (own.length > mostCaptions)
      remarks.add(`images with more than ${mostCaptions} captions: the first are kept`, id);
    const className = place === undefined ? undefined : labels.names[place]!;
    const isMade = own.length === 0 && className !== undefined;
    const captions = isMade ? cleanCaptions(classCaptions(className, kind)) : own;
    const boxes = record.boxes?.flatMap(({ label, at }): Box[] => {
      const box = labels.place(label);
      return box === undefined ? [] : [{ label: box, at }];
    });
    usable.push({
      id,
      ...(place !== undefined && { label: place }),
      captions: captions.slice(0, mostCaptions),
      ...(isMade && { captionsMade: true }),
      ...(boxes && { boxes }),
      split,
      bytes,
    });
  }
  if (usable.length === 0) {
    const [first] = skipped;
    throw new UserError(
      `${name}: expected images, found none that can be used${first ? `; ${first.id ? `${first.id}: ` : ''}${first.reason}` : ''}`,
    );
  }
  const base = options.novel === 'half' ? baseClasses(name, labels.names) : labels.names.length;
  const classes = labels.names.map((className, label): ClassInfo => ({ name: className, novel: label >= base }));
  const [splits, aside] = [new Map<string, Example[]>(), new Map<string, Example[]>()];
  const sum = createHash('sha256').update(JSON.stringify(classes));
  const isDealt = into === undefined && !hasSplits;
  const keys = distinct(labels.names);
  const dealt = isDealt
    ? dealSplits(usable, ({ label }) => (label === undefined ? '' : keys[label]!))
    : usable.map((image) => [into ?? splitName(image.split!), image] as const);
  for (const [split, { bytes, split: _, ...example }] of dealt) {
    const isNovel = example.label !== undefined && example.label >= base;
    const isAside = isNovel && split !== 'test';
    const to = isNovel && !isAside ? 'novel' : split;
    const kept = isAside ? aside : splits;
    const known = kept.get(to);
    if (known) known.push(example);
    else kept.set(to, [example]);
    // Captions that are made of a class's name are its recipe's affair.
    const said = example.captionsMade ? { ...example, captions: [] } : example;
    sum.update(JSON.stringify([isAside ? `aside ${to}` : to, said, bytes]));
  }
  return {
    name,
    kind,
    classes,
    splits: Object.fromEntries(splits),
    ...(aside.size > 0 && { aside: Object.fromEntries(aside) }),
    skipped,
    remarks: [...(found.remarks ?? []), ...remarks.list()],
    ...(isDealt && { dealt: dealingRule }),
    fingerprint: `${name.split(':')[0]}-${sum.digest('hex').slice(0, 16)}`,
    source: ({ id }) => found.source(id),
    load: ({ id }) => readImage(found.source(id), id),
  };
}

/** Why a record cannot be used; undefined where it can. */
function faultOf(
  { id, captions, className, label }: ImageRecord,
  ids: ReadonlySet<string>,
  classNames: readonly string[] | undefined,
): string | undefined {
  if (ids.has(id)) return 'another image has the same name';
  if ([...captions, className ?? classNames?.[label ?? -1] ?? ''].some(isBrokenText)) return brokenText;
  return undefined;
}

/** Names by which classes are told apart: their own, and for others of the same name their place with it. */
function distinct(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, place) => {
    if (seen.has(name)) return `${name}\n${place}`;
    seen.add(name);
    return name;
  });
}

function baseClasses(name: string, classes: readonly string[]): number {
  if (classes.length < 2) {
    throw new UserError(`${name}: novel=half: expected at least two classes, found ${classes.length}`);
  }
  return Math.ceil(classes.length / 2);
}
