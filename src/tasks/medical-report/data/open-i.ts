import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NamedStudy } from './collect.js';
import { readTable } from './table.js';

/**
 * Open-i's IU X-Ray as CSV: `indiana_reports.csv` (uid, findings, impression) and `indiana_projections.csv` (uid, filename,
 * projection) in one folder, images below `images/images_normalized` or `images`. The report is findings, then impression.
 *
 * @throws UserError where a table or column is missing
 */
export async function readOpenI(folder: string, images?: string): Promise<{ named: NamedStudy[]; folder: string }> {
  const reports = await readTable(join(folder, 'indiana_reports.csv'), ['uid', 'findings', 'impression']);
  const projections = await readTable(join(folder, 'indiana_projections.csv'), ['uid', 'filename']);
  const views = new Map<string, string[]>();
  for (const { uid, filename, projection } of projections) {
    const own = views.get(uid!) ?? [];
    views.set(uid!, own);
    // The frontal view first, as R2Gen has it.
    if (projection === 'Frontal') own.unshift(filename!);
    else own.push(filename!);
  }
  const named = reports.map(({ uid, findings, impression }) => ({
    id: uid!,
    images: views.get(uid!) ?? [],
    report: [findings, impression].filter((part) => part?.trim()).join(' '),
  }));
  const places = [join(folder, 'images', 'images_normalized'), join(folder, 'images')];
  return { named, folder: images ?? places.find((place) => existsSync(place)) ?? folder };
}
