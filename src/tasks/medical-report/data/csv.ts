import { dirname } from 'node:path';
import { UserError } from '../../../errors.js';
import type { NamedStudy } from './collect.js';
import { readTable } from './table.js';

/**
 * A CSV table of studies: columns `image` and `report`, and `study` and `split` where there are some. Rows of one study are views
 * of it, and say the same report or none.
 *
 * @throws UserError where a column is missing, or rows of one study have different reports or splits
 */
export async function readStudyTable(
  file: string,
  images = dirname(file),
): Promise<{ named: NamedStudy[]; folder: string }> {
  const rows = await readTable(file, ['image', 'report']);
  const studies = new Map<string, { -readonly [K in keyof NamedStudy]: NamedStudy[K] } & { images: string[] }>();
  for (const { study, image, report = '', split } of rows) {
    const id = study?.trim() || image!;
    const known = studies.get(id);
    const text = report.trim();
    if (!known) {
      studies.set(id, { id, ...(split?.trim() && { split: split.trim() }), images: [image!], report: text });
      continue;
    }
    known.images.push(image!);
    if (text !== '' && known.report !== '' && text !== known.report) {
      throw new UserError(`${file}: two studies have the id ${id}: its rows have different reports`);
    }
    if (split?.trim() && split.trim() !== known.split) {
      throw new UserError(`${file}: study ${id}: its rows have different splits`);
    }
    known.report ||= text;
  }
  return { named: [...studies.values()], folder: images };
}
