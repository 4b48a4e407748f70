import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  decodeImage,
  type Example,
  ImageError,
  type ImageTextDataset,
  pathInside,
  type RawImage,
  type Skipped,
} from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { fileFault, refuseDevice } from '../../../files/index.js';
import type { FindingSet } from '../labels/finding-set.js';
import { decodeDicom, isDicom } from './dicom.js';
import { checkEnglish } from './english.js';
import type { Studies, Study } from './study.js';

/** A study as a format names it. */
export interface NamedStudy {
  readonly id: string;
  /** Left out where the data names none: then all are dealt by a hash of `group`. */
  readonly split?: string;
  /** What stays together when splits are dealt, such as a patient. @defaultValue the study */
  readonly group?: string;
  /** Paths from the folder of images. */
  readonly images: readonly string[];
  readonly report: string;
}

export interface Collected {
  readonly name: string;
  readonly named: readonly NamedStudy[];
  /** The folder that image paths start from; none may lead out of it. */
  readonly folder: string;
  readonly findings: FindingSet;
  readonly skipped: readonly Skipped[];
}

/** Endings that tables leave out. */
const endings = ['', '.png', '.jpg', '.dcm', '.jpeg'];
/** Of a file: 100 million values of 16 bits, and its head. */
const mostBytes = 2 ** 28;
/** In characters, some ten times those of a long one: every mention in it is looked at with all before and behind it. */
const longestReport = 20_000;
/** Of a study: radiographs are few, and all of them are held at once. */
const mostViews = 64;
/** Shares of dealt splits, in hundredths: test, val, the rest is train. */
const dealt = { test: 20, val: 10 };

/**
 * Makes studies of what a format found: images that are there, reports that say something, ids once, splits.
 *
 * @throws UserError where nothing can be used, where there is one report alone, or where reports are not English
 */
export async function collect({ name, named, folder, findings, skipped: before }: Collected): Promise<Studies> {
  const skipped = [...before];
  const studies: Study[] = [];
  const files = new Map<string, string>();
  const ids = new Set<string>();
  const sum = createHash('sha256').update(findings.name);
  const hasSplits = named.some(({ split }) => split !== undefined);
  for (const { id, split, group = id, images, report } of named) {
    const skip = (reason: string) => skipped.push({ id, reason });
    if (ids.has(id)) {
      skip('another study has the same id: the first is taken');
      continue;
    }
    ids.add(id);
    if (!/[\p{L}]/u.test(report)) {
      skip('its report is empty');
      continue;
    }
    if (report.length > longestReport) {
      skip(`expected a report of at most ${longestReport} characters, got ${report.length}`);
      continue;
    }
    if (hasSplits && !split) {
      skip('it names no split, as others do');
      continue;
    }
    if (images.length > mostViews) {
      skip(`expected at most ${mostViews} images of one study, got ${images.length}`);
      continue;
    }
    const found: Example[] = [];
    for (const image of images) {
      const file = inside(folder, image);
      if (file === undefined) {
        skipped.push({ id: image, reason: `no such image below ${folder}` });
        continue;
      }
      files.set(image, file);
      found.push({ id: image, captions: [] });
      sum.update(`${image}\n${(await stat(file)).size}\n`);
    }
    if (found.length === 0) {
      skip(images.length === 0 ? 'it has no image' : 'none of its images is there');
      continue;
    }
    const to = split ?? dealtSplit(group);
    sum.update(JSON.stringify([id, to, report]));
    studies.push({ id, split: to, images: found, report });
  }
  if (studies.length === 0) {
    const [first] = skipped;
    throw new UserError(
      `${name}: expected studies with an image and a report, found none that can be used${first ? `; ${first.id}: ${first.reason}` : ''}`,
    );
  }
  checkEnglish(
    name,
    studies.map(({ report }) => report),
  );
  const fingerprint = `${name.split(':')[0]}-${sum.digest('hex').slice(0, 16)}`;
  return { name, studies, dataset: imagesOf(name, studies, files, fingerprint), findings, skipped, synthetic: false };
}

/** A file below a folder; undefined where it is not there, or leads out. */
function inside(folder: string, path: string): string | undefined {
  if (pathInside(folder, path) === undefined) return undefined;
  return endings.map((ending) => resolve(folder, path + ending)).find((file) => existsSync(file));
}

function dealtSplit(group: string): string {
  const place = createHash('sha256').update(group).digest().readUInt32BE(0) % 100;
  return place < dealt.test ? 'test' : place < dealt.test + dealt.val ? 'val' : 'train';
}

function imagesOf(
  name: string,
  studies: readonly Study[],
  files: ReadonlyMap<string, string>,
  fingerprint: string,
): ImageTextDataset {
  // A split may be called anything, `constructor` too.
  const splits = new Map<string, Example[]>();
  for (const { split, images } of studies) {
    const own = splits.get(split);
    if (own) own.push(...images);
    else splits.set(split, [...images]);
  }
  return {
    name,
    classes: [],
    splits: Object.fromEntries(splits),
    skipped: [],
    fingerprint,
    load: ({ id }) => readRadiograph(files.get(id)!, id),
  };
}

/**
 * Reads a radiograph: a DICOM file, or an image of a usual kind.
 *
 * @param id names it in errors
 * @throws ImageError where it cannot be read
 * @example
 * const { width, height } = await readRadiograph('chest.dcm', 'chest.dcm');
 */
export async function readRadiograph(file: string, id: string): Promise<RawImage> {
  let bytes: Buffer;
  try {
    const info = await stat(file);
    refuseDevice(info);
    if (info.size > mostBytes) throw new ImageError(id, `it has more than ${mostBytes / 2 ** 20} MiB`);
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(id, `it cannot be read: ${fileFault(error) ?? (error as NodeJS.ErrnoException).code}`);
  }
  return radiograph(bytes, id);
}

/** {@link readRadiograph} of a file's bytes. */
export async function radiograph(bytes: Uint8Array, id: string): Promise<RawImage> {
  const isMeant = isDicom(bytes) || /\.dcm$/i.test(id);
  return isMeant ? decodeDicom(bytes, id) : decodeImage(bytes, id, { longest: Number.POSITIVE_INFINITY });
}
