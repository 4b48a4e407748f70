import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Skipped } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { readBytes, readText } from '../../../files/index.js';
import { brief } from '../../../schema-issue.js';
import type { NamedStudy } from './collect.js';
import { readTable, tableRows } from './table.js';

const splitTable = 'mimic-cxr-2.0.0-split.csv';
/** Unpacked, the real one has some 25 MB. */
const mostTable = 2 ** 26;
/** What folders are named by. */
const isNumber = /^\d{1,20}$/;
const columns = ['dicom_id', 'study_id', 'subject_id', 'split'];

/**
 * MIMIC-CXR (Johnson et al. 2019) as PhysioNet lays it out: `files/p10/p1xxxxxxx/s5xxxxxxx.txt` with reports,
 * `files/p10/p1xxxxxxx/s5xxxxxxx/<dicom_id>.dcm` or `.jpg` with images, and `mimic-cxr-2.0.0-split.csv`, plain or gzipped, with the
 * splits, whose `validate` is `val` here. The report is its FINDINGS and IMPRESSION, or what stands behind its last heading.
 *
 * Who uses it has signed PhysioNet's agreement: nothing of it is in this package, and no text of it goes to any log.
 *
 * @throws UserError where the table of splits is missing, or has other columns
 */
export async function readMimic(
  folder: string,
  images = folder,
): Promise<{ named: NamedStudy[]; folder: string; skipped: Skipped[] }> {
  const rows = await splitRows(folder);
  const studies = new Map<string, { subject: string; split: string; dicoms: string[] }>();
  for (const { dicom_id, study_id, subject_id, split } of rows) {
    const known = studies.get(study_id!);
    if (known) known.dicoms.push(dicom_id!);
    else
      studies.set(study_id!, {
        subject: subject_id!,
        split: split === 'validate' ? 'val' : split!,
        dicoms: [dicom_id!],
      });
  }
  const named: NamedStudy[] = [];
  const skipped: Skipped[] = [];
  for (const [study, { subject, split, dicoms }] of studies) {
    if (!isNumber.test(study) || !isNumber.test(subject)) {
      skipped.push({ id: `s${brief(study)}`, reason: 'its study and subject are no numbers: they name its folder' });
      continue;
    }
    const place = join('files', `p${subject.slice(0, 2)}`, `p${subject}`, `s${study}`);
    const text = join(folder, `${place}.txt`);
    const id = `s${study}`;
    if (!existsSync(text)) {
      skipped.push({ id, reason: `no report ${place}.txt` });
      continue;
    }
    const there = new Set(await readdir(join(images, place)).catch(() => []));
    const paths = dicoms.flatMap((dicom) => {
      const file = [`${dicom}.jpg`, `${dicom}.dcm`, `${dicom}.png`].find((name) => there.has(name));
      return file === undefined ? [] : [join(place, file)];
    });
    named.push({ id, split, group: subject, images: paths, report: sections(await readText(text)) });
  }
  return { named, folder: images, skipped };
}

async function splitRows(folder: string): Promise<Readonly<Record<string, string>>[]> {
  const plain = join(folder, splitTable);
  if (existsSync(plain)) return readTable(plain, columns);
  const packed = `${plain}.gz`;
  if (!existsSync(packed)) throw new UserError(`${folder}: expected MIMIC-CXR’s ${splitTable} or ${splitTable}.gz`);
  try {
    const text = gunzipSync(await readBytes(packed), { maxOutputLength: mostTable }).toString('utf8');
    return tableRows(text, packed, columns);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${packed}: it cannot be read as gzipped CSV of at most ${mostTable / 2 ** 20} MiB`);
  }
}

/** FINDINGS and IMPRESSION of a report; where it has neither, what follows its last heading. */
export function sections(report: string): string {
  const parts = [...report.matchAll(/^[ \t]*([A-Z][A-Z ()/,]{3,}):/gm)].map(({ 0: head, 1: name, index }) => ({
    name: name!,
    from: index,
    to: index + head.length,
  }));
  const textOf = (i: number) =>
    report
      .slice(parts[i]!.to, parts[i + 1]?.from)
      .replace(/\s+/g, ' ')
      .trim();
  const wanted = parts.flatMap(({ name }, i) => (/\b(FINDINGS?|IMPRESSION)\b/.test(name) ? [textOf(i)] : []));
  if (wanted.length > 0) return wanted.filter((text) => text !== '').join(' ');
  return parts.length === 0 ? report.replace(/\s+/g, ' ').trim() : textOf(parts.length - 1);
}
