import { dirname, resolve } from 'node:path';
import type { Collection } from '../../assemble.js';
import type { Remark, Skipped } from '../../dataset.js';
import { filesBelow, type NamedImage, pathInside, readableImages } from '../../images/image-file.js';
import { Remarks } from '../../remarks.js';
import { classesBeside } from '../classes-beside.js';
import { placesBelow, placing } from '../placing.js';
import { type OnUnread, textsOf } from './cells.js';
import { ColumnContents } from './column-contents.js';
import { type Columns, chooseColumns } from './columns.js';
import { RowReader, type RowTexts } from './row-reader.js';
import { type Row, rowsOf, type TableKind } from './table-rows.js';

/**
 * A table of images, one a row: CSV, TSV, or JSON lines, with a column of image paths, and where there are such
 * columns, texts, classes and splits. Rows of the same image are put together, so that each may carry one caption.
 *
 * @param options columns (several text columns with commas between them), otherwise known by their usual names
 * @throws UserError where the file or a column is missing
 */
export async function openTable(
  kind: TableKind,
  file: string,
  options: Readonly<Record<string, string>>,
): Promise<Collection> {
  const folder = resolve(options.images ?? dirname(file));
  const { named, skipped, remarks, classNames } = await readTable(kind, file, folder, options);
  const places = options.images === undefined ? await placesBelow(folder) : ['.'];
  const paths = named.map(({ id }) => id);
  const place = placing(folder, places, paths, options.root ?? options.images);
  const placed = named.map((one) => ({ ...one, id: place(one.id) }));
  return {
    records: await readableImages(folder, placed, skipped, options.root),
    skipped,
    remarks,
    classNames: classNames ?? (await classesBeside(dirname(file))),
    source: filesBelow(folder),
  };
}

/** What a table says, whether or not its images are there. */
export interface TableContent {
  /** Ids are paths from the folder of the images. */
  readonly named: readonly NamedImage[];
  readonly skipped: Skipped[];
  readonly remarks: readonly Remark[];
  /** Names of the classes in the order of their numbers, where the table has both. */
  readonly classNames?: readonly string[];
}

/** Reads a table, twice: what its columns are and hold, then its rows. */
export async function readTable(
  kind: TableKind,
  file: string,
  folder: string,
  options: Readonly<Record<string, string>>,
): Promise<TableContent> {
  const contents = new ColumnContents();
  for await (const { row } of rowsOf(kind, file, [])) contents.add(row);
  const reader = new RowsByImage(folder, chooseColumns(file, contents.byName, options), options.class !== undefined);
  const skipped: Skipped[] = [];
  for await (const { line, row } of rowsOf(kind, file, skipped)) {
    const fault = reader.add(row, line);
    if (fault) skipped.push({ id: `line ${line}`, reason: fault });
  }
  return { ...reader.finish(), skipped };
}

interface Gathered extends RowTexts {
  readonly captions: string[];
  className?: string;
  number?: number;
  split?: string;
}

/** Puts rows together by their images. */
class RowsByImage {
  private readonly images = new Map<string, Gathered>();
  private readonly remarks = new Remarks();
  private readonly reader: RowReader;

  constructor(
    private readonly folder: string,
    private readonly columns: Columns,
    isClassGiven: boolean,
  ) {
    this.reader = new RowReader(columns, isClassGiven, this.remarks);
  }

  /** Adds a row to its image. @returns why it cannot be added, or undefined */
  add(row: Row, line: number): string | undefined {
    const { columns, images, remarks } = this;
    const [path, ...more] = columns.image.flatMap((name) =>
      pathsOf(row.get(name), this.reader.unread(name, `line ${line}`)),
    );
    if (!path) return `it names no image in the column ${columns.image[0]}`;
    const id = pathInside(this.folder, path) ?? path;
    if (more.length > 0) remarks.add('rows with several images: the first is taken', id);
    const { captions, ...said } = this.reader.read(row, id);
    const known = images.get(id);
    if (!known) {
      images.set(id, { captions: [...captions], ...said });
      return undefined;
    }
    const differs = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined && a !== b;
    if (differs(known.className, said.className) || differs(known.split, said.split)) {
      return `an earlier row says that ${id} is of another class or split`;
    }
    known.captions.push(...captions);
    known.className ??= said.className;
    known.number ??= said.number;
    known.split ??= said.split;
    return undefined;
  }

  finish(): Omit<TableContent, 'skipped'> {
    const { images, remarks } = this;
    const { classNames, classIn } = this.reader.finish(images.size);
    const named = [...images].map(([id, said]): NamedImage => {
      const { captions, split } = said;
      return { id, captions, ...(split !== undefined && { split }), ...classIn(said) };
    });
    return { named, remarks: remarks.list(), classNames };
  }
}

/** Fields of an object that hold an image's path, the likeliest first: Hugging Face's, and others'. */
const pathFields = ['path', 'file_name', 'filename', 'file', 'image', 'src', 'name', 'url'];

/** Paths of an image's cell; of a list all, of an object the one in its field for it. */
function pathsOf(cell: unknown, onUnread: OnUnread): string[] {
  if (Array.isArray(cell)) return cell.flatMap((one) => pathsOf(one, onUnread));
  if (typeof cell !== 'object' || cell === null || cell instanceof Uint8Array) return textsOf(cell, onUnread);
  const field = pathFields.find((name) => typeof (cell as Record<string, unknown>)[name] === 'string');
  return field === undefined ? textsOf(cell, onUnread) : textsOf((cell as Record<string, unknown>)[field], onUnread);
}
