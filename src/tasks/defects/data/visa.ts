import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { UserError } from '../../../errors.js';
import { readText } from '../../../files/index.js';
import type { ImageFile, ProductFiles } from './files.js';

const columns = ['object', 'split', 'label', 'image', 'mask'] as const;
/** In characters; a quote that is never closed would swallow the rest. */
const longestRow = 2 ** 16;
const splitFile = join('split_csv', '1cls.csv');

/**
 * VisA's layout (Zou et al., ECCV 2022): `split_csv/1cls.csv` with the columns object, split, label, image and mask, and
 * images in `<product>/Data/Images/{Normal,Anomaly}`. Its masks count kinds of defects from 1: all are defects here.
 *
 * @throws UserError where the table is not there or not of that form
 */
export async function visaFiles(root: string): Promise<ProductFiles[]> {
  const file = join(root, splitFile);
  if (!existsSync(file)) throw new UserError(`${root}: expected VisA's layout, with ${splitFile}, found none`);
  const rows = rowsOf(file, await readText(file));
  const products = new Map<string, { train: ImageFile[]; test: ImageFile[] }>();
  for (const { object, split, label, image, mask } of rows) {
    if (!products.has(object!)) products.set(object!, { train: [], test: [] });
    const defective = label !== 'normal';
    const one = {
      path: image!,
      ...(defective && { defect: 'anomaly' }),
      ...(defective && mask && { mask }),
    };
    products.get(object!)![split === 'train' ? 'train' : 'test'].push(one);
  }
  return [...products].map(([name, files]) => ({ name, ...files }));
}

function rowsOf(file: string, text: string): Record<string, string>[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, { columns: true, skip_empty_lines: true, trim: true, max_record_size: longestRow });
  } catch (error) {
    throw new UserError(`${file}: expected a table with commas: ${(error as Error).message}`);
  }
  const missing = columns.find((column) => rows[0]?.[column] === undefined);
  if (missing) throw new UserError(`${file}: expected the columns ${columns.join(', ')}, found no ${missing}`);
  return rows;
}
