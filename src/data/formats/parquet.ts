import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { UserError } from '../../errors.js';
import type { Collection } from '../assemble.js';
import type { Skipped } from '../dataset.js';
import { cachedPack, type Pack, type PackedPicture, partsOf, type Unpacked } from '../packed.js';
import { pictureFault } from '../picture-fault.js';
import { type Columns, chooseColumns } from './columns.js';
import { plainName } from './folder.js';
import { findShards, withShardName } from './shards.js';

/**
 * Parquet as Hugging Face writes data sets: a column of pictures, either their bytes or a struct of `bytes` and `path`,
 * and columns of texts and classes. One file, files by braces, or a folder of them, whose names may begin with their
 * splits; of any compression. The pictures are unpacked into the cache once: a row group can only be read whole.
 *
 * @param options columns, otherwise known by their usual names
 * @throws UserError where a file or a column is missing, or rows cannot be read
 */
export async function openParquet(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  const packs: Pack[] = [];
  for (const shard of await findShards(path, /\.parquet$/)) {
    const read = (file: string, unpacked: Unpacked) => readParquet(file, options, unpacked);
    packs.push(withShardName(await cachedPack(shard.file, JSON.stringify(options), read), shard));
  }
  return {
    records: packs.flatMap(({ pictures }) => pictures),
    skipped: packs.flatMap(({ skipped }) => skipped),
    classNames: packs[0]!.classNames,
    source: partsOf(packs),
  };
}

async function readParquet(name: string, options: Readonly<Record<string, string>>, unpacked: Unpacked): Promise<Pack> {
  const file = await asyncBufferFromFile(name);
  const metadata = await parquetMetadataAsync(file).catch((error: Error) => {
    throw new UserError(`${name}: expected a parquet file: ${error.message}`);
  });
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = chooseColumns(name, names, options);
  const classNames = columns.class[0] === undefined ? undefined : classNamesOf(metadata, columns.class[0]);
  const pictures: PackedPicture[] = [];
  const skipped: Skipped[] = [];
  let first = 0;
  for (const group of metadata.row_groups) {
    const [rowStart, rowEnd] = [first, first + Number(group.num_rows)];
    first = rowEnd;
    const wanted = Object.values(columns).flat();
    const rows = await parquetReadObjects({
      ...{ file, metadata, rowStart, rowEnd, compressors },
      columns: wanted,
      utf8: false, // otherwise pictures are taken for text
    }).catch((error: Error) => {
      throw new UserError(`${name}: rows ${rowStart} to ${rowEnd - 1} cannot be read: ${error.message}`);
    });
    for (const [i, row] of rows.entries()) {
      const id = `row ${rowStart + i}`;
      const bytes = bytesOf(row[columns.image[0]!]);
      const fault = bytes ? await pictureFault(bytes) : 'it holds no bytes of a picture';
      if (!bytes || fault !== undefined) skipped.push({ id, reason: fault! });
      else
        pictures.push({
          id,
          ...saidOf(row, columns, classNames),
          offset: await unpacked.write(bytes),
          bytes: bytes.length,
        });
    }
  }
  return { file: unpacked.file, pictures, skipped, classNames };
}

function bytesOf(cell: unknown): Uint8Array | undefined {
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null | undefined)?.bytes;
  return bytes instanceof Uint8Array && bytes.length > 0 ? bytes : undefined;
}

function saidOf(
  row: Readonly<Record<string, unknown>>,
  columns: Columns,
  classNames: readonly string[] | undefined,
): Pick<PackedPicture, 'captions' | 'className' | 'split'> {
  const texts = (names: readonly string[]) => names.flatMap((name) => textsOf(row[name]));
  const [label] = texts(columns.class);
  const [split] = texts(columns.split);
  const className = label === undefined ? undefined : (classNames?.[Number(label)] ?? label);
  return {
    captions: texts(columns.text),
    ...(className !== undefined && { className }),
    ...(split !== undefined && { split }),
  };
}

const utf8 = new TextDecoder();

function textsOf(cell: unknown): string[] {
  if (Array.isArray(cell)) return cell.flatMap(textsOf);
  if (cell instanceof Uint8Array) return [utf8.decode(cell)];
  return cell === null || cell === undefined ? [] : [String(cell)];
}

interface HuggingFaceInfo {
  readonly info?: { readonly features?: Readonly<Record<string, { readonly names?: readonly string[] }>> };
}

/** The names of a `ClassLabel`, which Hugging Face's datasets keeps in the file's metadata. */
function classNamesOf({ key_value_metadata }: FileMetaData, column: string): string[] | undefined {
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const names = text ? (JSON.parse(text) as HuggingFaceInfo).info?.features?.[column]?.names : undefined;
  return names?.map(plainName);
}
