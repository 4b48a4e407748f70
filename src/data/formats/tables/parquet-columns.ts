import { type AsyncBuffer, type FileMetaData, parquetReadObjects, parquetSchema, type SchemaTree } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { UserError } from '../../../errors.js';
import { classLabelNames } from './class-label-names.js';
import { ColumnContents, emptyContent } from './column-contents.js';
import { type Columns, chooseColumns } from './columns.js';

/** So many rows are looked at to see what columns hold, and so many of those that may hold images. */
const [looked, lookedImages] = [1000, 8];

/**
 * Chooses the columns of a parquet file: the image's is the one whose cells hold the bytes of images, wherever it stands;
 * the others as in any table, but that a column of classes with names in the metadata comes before all others.
 *
 * @throws UserError where a column is missing, or none holds images
 */
export async function chooseParquetColumns(
  name: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  options: Readonly<Record<string, string>>,
): Promise<Columns> {
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => element.name);
  const binary = children.filter(holdsBytes).map(({ element }) => element.name);
  const rowsOf = (columns: readonly string[], most: number) =>
    readStart(file, metadata, columns, Math.min(most, Number(metadata.row_groups[0]?.num_rows ?? 0)));
  const contents = new ColumnContents();
  for (const row of await rowsOf(
    names.filter((one) => !binary.includes(one)),
    looked,
  ))
    contents.add(new Map(Object.entries(row)));
  const inOrder = new Map(names.map((one) => [one, contents.byName.get(one) ?? emptyContent()]));
  const ofImages =
    options.image === undefined ? await imageColumn(await rowsOf(binary, lookedImages), binary) : options.image;
  if (ofImages === undefined) {
    throw new UserError(
      `${name}: no column holds the bytes of images; it has ${names.join(', ')}; images beside a parquet file are read from a table with csv: or jsonl:`,
    );
  }
  const labelled =
    names.find((one) => one === 'label' && classLabelNames(metadata, one)) ??
    names.find((one) => classLabelNames(metadata, one));
  return chooseColumns(name, inOrder, {
    ...(labelled !== undefined && { class: labelled }),
    ...options,
    image: ofImages,
  });
}

/** Bytes that are no text, by themselves, in a struct as Hugging Face's, or in a list of either. */
function holdsBytes({ element, children }: SchemaTree): boolean {
  if (children.length > 0) return children.some(holdsBytes);
  return element.type === 'BYTE_ARRAY' && element.converted_type === undefined && element.logical_type === undefined;
}

/** The first rows; none where they cannot be read, as is said when all are. */
function readStart(file: AsyncBuffer, metadata: FileMetaData, columns: readonly string[], rowEnd: number) {
  if (columns.length === 0 || rowEnd <= 0) return [];
  return parquetReadObjects({ file, metadata, columns: [...columns], rowEnd, compressors, utf8: false }).catch(
    () => [],
  );
}

/** The bytes of the images in a cell. */
export function imageBytes(cell: unknown): Uint8Array[] {
  if (Array.isArray(cell)) return cell.flatMap(imageBytes);
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null | undefined)?.bytes;
  return bytes instanceof Uint8Array && bytes.length > 0 ? [bytes] : [];
}

/** How image files begin. */
const beginnings = ['\xff\xd8\xff', '\x89PNG', 'GIF8', 'RIFF', 'II*\0', 'MM\0*', 'BM'];

function looksLikeImage(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return beginnings.some((beginning) => start.startsWith(beginning)) || start.slice(4, 8) === 'ftyp';
}

/** The column whose cells look like images, or of those that hold bytes the first. */
async function imageColumn(rows: readonly Record<string, unknown>[], binary: readonly string[]) {
  const usual = (name: string) => Number(!/^(image|img|jpg|png|image|photo)s?$/i.test(name));
  const inOrder = [...binary].sort((a, b) => usual(a) - usual(b));
  return inOrder.find((name) => rows.some((row) => imageBytes(row[name]).some(looksLikeImage))) ?? inOrder[0];
}
