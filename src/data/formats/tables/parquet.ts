import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { Collection } from '../../assemble.js';
import type { Skipped } from '../../dataset.js';
import { imageFault } from '../../images/image-fault.js';
import { cachedPack, type Pack, type PackedImage, partsOf } from '../../images/packed.js';
import { checksum } from '../../images/source.js';
import type { Unpacked } from '../../images/unpacked.js';
import { Remarks } from '../../remarks.js';
import { findShards, withShardName } from '../shards/shards.js';
import { classLabelNames } from './class-label-names.js';
import { chooseParquetColumns, imageBytes } from './parquet-columns.js';
import { RowReader, type RowTexts } from './row-reader.js';

/**
 * Parquet as Hugging Face writes data sets: a column of images, either their bytes or a struct of `bytes` and `path`,
 * and columns of texts and classes. One file, files by braces, or a folder of them, whose names may begin with their
 * splits; of any compression. The images are unpacked into the cache once: a row group can only be read whole. A file that
 * cannot be read is skipped, as are its parts that cannot.
 *
 * @param options columns, otherwise known by their usual names and by what they hold
 * @throws UserError where a file or a column is missing
 */
export async function openParquet(path: string, options: Readonly<Record<string, string>>): Promise<Collection> {
  const packs: Pack[] = [];
  const shards = await findShards(path, /\.parquet$/);
  for (const shard of shards) {
    const read = (file: string, unpacked: Unpacked) => readParquet(file, options, unpacked);
    packs.push(withShardName(await cachedPack(shard.file, JSON.stringify(options), read), shard));
  }
  const lists = new Set(
    packs.filter(({ images }) => images.length > 0).map(({ classNames }) => JSON.stringify(classNames)),
  );
  const isOneList = lists.size <= 1;
  return {
    records: packs.flatMap(({ images, classNames }) =>
      images.map(({ offset: _, sum: __, label, ...image }) => ({
        ...image,
        // Names are what files with different lists of classes have in common.
        ...(label !== undefined && (isOneList ? { label } : { className: classNames?.[label] })),
      })),
    ),
    skipped: packs.flatMap(({ skipped }) => skipped),
    remarks: packs.flatMap(({ remarks }) => remarks),
    classNames: isOneList ? packs.find(({ images }) => images.length > 0)?.classNames : undefined,
    source: partsOf(
      packs,
      shards.map(({ file }) => file),
    ),
  };
}

/** A group of more rows is none that a data set of images has; it would not fit into memory. */
const mostRows = 10_000_000;

async function readParquet(name: string, options: Readonly<Record<string, string>>, unpacked: Unpacked): Promise<Pack> {
  const [skipped, remarks] = [[] as Skipped[], new Remarks()];
  const images: (PackedImage & RowTexts)[] = [];
  const file = await asyncBufferFromFile(name);
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(file);
    parquetSchema(metadata); // as it is read below: columns may be missing
  } catch (error) {
    // Damaged metadata shows itself as missing fields.
    const isDamaged = error instanceof TypeError || error instanceof RangeError;
    const start = await imageFault(new Uint8Array(await file.slice(0, 64)));
    const why =
      file.byteLength === 0
        ? 'it has 0 bytes'
        : start?.includes('Git LFS')
          ? start
          : isDamaged
            ? 'its metadata is damaged'
            : (error as Error).message;
    const reason = `expected a parquet file: ${why}`;
    return { file: unpacked.file, images, skipped: [{ id: '', reason }], remarks: [] };
  }
  const columns = await chooseParquetColumns(name, file, metadata, options);
  const classNames = classLabelNames(metadata, columns.class[0] ?? '');
  const reader = new RowReader(
    classNames ? { ...columns, mayName: [] } : columns,
    options.class !== undefined,
    remarks,
  );
  const image = columns.image[0]!;
  const wanted = [
    ...new Set([
      image,
      ...columns.text,
      ...columns.class,
      ...columns.split,
      ...(columns.number ? [columns.number] : []),
      ...columns.mayName,
    ]),
  ];
  let first = 0;
  for (const group of metadata.row_groups) {
    const [rowStart, rowEnd] = [first, first + Number(group.num_rows)];
    first = rowEnd;
    if (group.num_rows > mostRows || group.num_rows < 0) {
      skipped.push({
        id: `rows from ${rowStart}`,
        reason: `a group of ${group.num_rows} rows: expected at most ${mostRows}`,
      });
      break;
    }
    const rows = await parquetReadObjects({
      ...{ file, metadata, rowStart, rowEnd, compressors },
      columns: wanted,
      utf8: false, // otherwise images are taken for text
    }).catch((error: Error) => {
      skipped.push({ id: `rows ${rowStart} to ${rowEnd - 1}`, reason: `they cannot be read: ${error.message}` });
      return [];
    });
    for (const [i, row] of rows.entries()) {
      const id = `row ${rowStart + i}`;
      const [bytes, ...more] = imageBytes(row[image]);
      const fault = bytes ? await imageFault(bytes) : 'it holds no bytes of an image';
      if (!bytes || fault !== undefined) {
        skipped.push({ id, reason: fault! });
        continue;
      }
      if (more.length > 0) remarks.add('rows with several images: the first is taken', id);
      const said = reader.read(new Map(Object.entries(row)), id);
      const offset = await unpacked.write(bytes);
      images.push({ id, ...said, offset, bytes: bytes.length, sum: checksum(bytes) });
    }
  }
  const { classNames: listed, classIn } = reader.finish(images.length);
  return {
    file: unpacked.file,
    images: images.map(({ className: _, number: __, ...image }, i) => ({
      ...image,
      ...(classNames ? labelIn(images[i]!) : classIn(images[i]!)),
    })),
    skipped,
    remarks: remarks.list(),
    classNames: classNames ?? listed,
  };
}

/** Numbers of a `ClassLabel` are places in its names. */
const labelIn = ({ className }: RowTexts): { label?: number } =>
  className === undefined ? {} : { label: /^[+-]?\d+(\.0*)?$/.test(className) ? Number(className) : -1 };
