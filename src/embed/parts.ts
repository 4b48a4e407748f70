import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type AsyncBuffer, asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { UserError } from '../errors.js';
import { cannotRead, fileFault, npyContent, readNpy, writeFileAtomic } from '../files/index.js';
import type { Rows } from '../math/index.js';
import type { EmbeddedRecord } from './columns.js';
import { EMBED_MANIFEST, type EmbedManifest } from './manifest.js';

/** Images of one part: their rows stand in the same order in all three. */
export interface EmbeddedPart {
  readonly records: readonly EmbeddedRecord[];
  /** Unit rows. */
  readonly images: Rows;
  /** Of the captions; a row of zeros where there is none. */
  readonly texts?: Rows;
}

const folders = { images: 'img_emb', texts: 'text_emb', metadata: 'metadata' } as const;
const metadataName = /^metadata_(\d{4}_\d{6,})\.parquet$/;

const metadataFile = (folder: string, stem: string) => join(folder, folders.metadata, `metadata_${stem}.parquet`);
const rowsFile = (folder: string, what: 'images' | 'texts', stem: string) =>
  join(folder, folders[what], `${folders[what]}_${stem}.npy`);

/**
 * The parts that are whole, by their stems in order. A part's metadata is written last: a part without it is not there.
 */
export async function partsOf(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, folders.metadata)).catch(() => [] as string[]);
  return names.flatMap((name) => metadataName.exec(name)?.[1] ?? []).sort();
}

/** The stem of a shard's next part. @param shard 0 where the work is not shared */
export function nextStem(stems: readonly string[], shard: number): string {
  const prefix = `${String(shard).padStart(4, '0')}_`;
  const last = stems.filter((stem) => stem.startsWith(prefix)).map((stem) => Number(stem.slice(prefix.length)));
  return prefix + String(Math.max(-1, ...last) + 1).padStart(6, '0');
}

/**
 * Writes a part as clip-retrieval's inference does: `img_emb/img_emb_STEM.npy`, `text_emb/…` and
 * `metadata/metadata_STEM.parquet`; or, as `parquet`, all in the latter, embeddings as lists of 32-bit numbers.
 *
 * @throws UserError naming the file that cannot be written
 */
export async function writePart(
  folder: string,
  stem: string,
  part: EmbeddedPart,
  { format, dtype }: Pick<EmbedManifest, 'format' | 'dtype'>,
): Promise<void> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const { images, texts, records } = part;
  const own = { image_embedding: images, ...(texts && { text_embedding: texts }) };
  if (format === 'npy') {
    const npy = ({ count, width, data }: Rows) => npyContent({ shape: [count, width], data }, dtype);
    await writeFileAtomic(rowsFile(folder, 'images', stem), npy(images));
    if (texts) await writeFileAtomic(rowsFile(folder, 'texts', stem), npy(texts));
  }
  const column = (name: keyof EmbeddedRecord) => ({ name, data: records.map((record) => record[name] ?? null) });
  const lists: Readonly<Record<string, Rows>> = format === 'npy' ? {} : own;
  const names = [
    'id',
    'dataset',
    'image_path',
    'image_stamp',
    'caption',
    'captions',
    'split',
    'class',
    'artist',
  ] as const;
  const bytes = parquetWriteBuffer({
    columnData: [
      ...names.map(column),
      ...Object.entries(lists).map(([name, rows]) => ({ name, data: Array.from({ length: rows.count }, row(rows)) })),
    ],
    schema: [
      { name: 'root', num_children: names.length + Object.keys(lists).length },
      ...names.map((name) => ({
        ...({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const),
        repetition_type: optional.some((one) => one === name) ? ('OPTIONAL' as const) : ('REQUIRED' as const),
      })),
      ...Object.keys(lists).flatMap((name) => [
        { name, repetition_type: 'REQUIRED' as const, converted_type: 'LIST' as const, num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED' as const, num_children: 1 },
        { name: 'element', type: 'FLOAT' as const, repetition_type: 'REQUIRED' as const },
      ]),
    ],
  });
  await writeFileAtomic(metadataFile(folder, stem), new Uint8Array(bytes));
}

const optional = ['image_stamp', 'class', 'artist'];

const row =
  ({ data, width }: Rows) =>
  (_: unknown, i: number): number[] =>
    Array.from(data.subarray(i * width, (i + 1) * width));

/** What a part says of its images, without their embeddings. @throws UserError naming a file that is damaged */
export async function readRecords(folder: string, stem: string, columns?: string[]): Promise<EmbeddedRecord[]> {
  return (await readParquet(metadataFile(folder, stem), columns)) as unknown as EmbeddedRecord[];
}

/** A part's image embeddings. @throws UserError naming a file that is damaged, or does not fit its metadata */
export async function readImageRows(
  folder: string,
  stem: string,
  { format, width }: Pick<EmbedManifest, 'format' | 'width'>,
  count: number,
): Promise<Float32Array> {
  const path = format === 'npy' ? rowsFile(folder, 'images', stem) : metadataFile(folder, stem);
  const rows = format === 'npy' ? await readNpy(path) : await readLists(path, width);
  if (rows.shape[0] !== count || rows.shape[1] !== width) {
    throw new UserError(
      `${path}: expected ${count} rows of ${width} numbers, got ${rows.shape.join(' rows of ')}: delete this part's files and embed again`,
    );
  }
  return rows.data;
}

async function readLists(path: string, width: number) {
  const records = await readParquet(path, ['image_embedding']);
  const data = new Float32Array(records.length * width);
  for (const [i, { image_embedding: values }] of records.entries()) {
    if (!Array.isArray(values) || values.length !== width)
      throw new UserError(`${path}: row ${i}: expected ${width} numbers in image_embedding: delete this part`);
    data.set(values as number[], i * width);
  }
  return { shape: [records.length, width] as const, data };
}

const readParquet = (path: string, columns?: string[]): Promise<Record<string, unknown>[]> =>
  reading(path, async (file) => parquetReadObjects({ file, columns, compressors }));

/** Images of a part. @throws UserError naming a file that is damaged */
export const countRecords = (folder: string, stem: string): Promise<number> =>
  reading(metadataFile(folder, stem), async (file) => Number((await parquetMetadataAsync(file)).num_rows));

async function reading<Result>(path: string, read: (file: AsyncBuffer) => Promise<Result>): Promise<Result> {
  if (!existsSync(path)) throw new UserError(`${path}: no such file`);
  try {
    return await read(await asyncBufferFromFile(path));
  } catch (error) {
    if (fileFault(error)) throw cannotRead(path, error);
    throw new UserError(
      `${path}: damaged (${(error as Error).message}): delete it, and the same part in the folders beside it, and embed again`,
    );
  }
}

/** Removes a part: first its metadata, without which it is not there. */
export async function removePart(folder: string, stem: string): Promise<void> {
  for (const file of [metadataFile(folder, stem), rowsFile(folder, 'images', stem), rowsFile(folder, 'texts', stem)])
    await rm(file, { force: true });
}

/**
 * Removes all that an embedding run wrote into a folder, and nothing else.
 *
 * The manifest goes last: what is left of a removal that was stopped is still known for what it is.
 */
export async function removeEmbeddings(folder: string): Promise<void> {
  const own = /^(img_emb|text_emb|metadata)_\d{4}_\d{6,}\.(npy|parquet)$/;
  for (const sub of Object.values(folders)) {
    for (const name of await readdir(join(folder, sub)).catch(() => [] as string[]))
      if (own.test(basename(name))) await rm(join(folder, sub, name), { force: true });
  }
  await rm(join(folder, STATS), { recursive: true, force: true });
  await rm(join(folder, EMBED_MANIFEST), { force: true });
}

/** Folder of what each run did. */
export const STATS = 'stats';
