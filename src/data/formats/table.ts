import { dirname, resolve } from 'node:path';
import type { Collection } from '../assemble.js';
import type { Skipped } from '../dataset.js';
import { filesBelow, type NamedPicture, pathInside, readablePictures } from '../picture-file.js';
import { type Columns, chooseColumns } from './columns.js';
import { classesBeside } from './folder.js';
import { type Row, rowsOf, type TableKind } from './table-rows.js';

/**
 * A table of pictures, one a row: CSV, TSV, or JSON lines, with a column of image paths, and where there are such
 * columns, texts, classes and splits. Rows of the same picture are put together, so that each may carry one caption.
 *
 * @param options columns (several text columns with commas between them), otherwise known by their usual names
 * @throws UserError where the file or a column is missing
 */
export async function openTable(
  kind: TableKind,
  file: string,
  options: Readonly<Record<string, string>>,
): Promise<Collection> {
  const skipped: Skipped[] = [];
  const folder = resolve(options.images ?? dirname(file));
  const pictures = new Map<string, Gathered>();
  let columns: Columns | undefined;
  for await (const { line, row } of rowsOf(kind, file, skipped)) {
    columns ??= chooseColumns(file, Object.keys(row), options);
    const path = textOf(row[columns.image[0]!])[0];
    if (!path) {
      skipped.push({ id: `line ${line}`, reason: `it names no picture in the column ${columns.image[0]}` });
      continue;
    }
    const fault = gather(pictures, pathInside(folder, path) ?? path, row, columns);
    if (fault) skipped.push({ id: `line ${line}`, reason: fault });
  }
  const named = [...pictures].map(([id, picture]): NamedPicture => ({ id, ...picture }));
  return {
    records: await readablePictures(folder, named, skipped),
    skipped,
    classNames: columns?.class.length === 0 ? await classesBeside(dirname(file)) : undefined,
    source: filesBelow(folder),
  };
}

interface Gathered {
  readonly captions: string[];
  readonly className?: string;
  readonly split?: string;
}

/** Adds a row to its picture. @returns why it cannot be added, or undefined */
function gather(pictures: Map<string, Gathered>, id: string, row: Row, columns: Columns): string | undefined {
  const [className] = columns.class.flatMap((column) => textOf(row[column]));
  const [split] = columns.split.flatMap((column) => textOf(row[column]));
  const captions = columns.text.flatMap((column) => textOf(row[column]));
  const known = pictures.get(id);
  if (!known) {
    pictures.set(id, { captions, className, split });
    return undefined;
  }
  if (known.className !== className || known.split !== split) {
    return `an earlier row says that ${id} is of another class or split`;
  }
  known.captions.push(...captions);
  return undefined;
}

/** A cell's texts: of a list, each. Numbers are written out. */
function textOf(cell: unknown): string[] {
  if (Array.isArray(cell)) return cell.flatMap(textOf);
  if (typeof cell === 'number') return [String(cell)];
  return typeof cell === 'string' && cell.trim() !== '' ? [cell.trim()] : [];
}
