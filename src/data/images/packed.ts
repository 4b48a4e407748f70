import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { codeFingerprint } from '../../files/index.js';
import { cacheFolder, keep, readKept } from '../cache.js';
import type { ImageSource, Remark, Skipped } from '../dataset.js';
import type { NamedImage } from './image-file.js';
import { checksum } from './source.js';
import { Unpacked } from './unpacked.js';

/** An image within a larger file. */
export interface PackedImage extends NamedImage {
  /** Where its bytes begin. */
  readonly offset: number;
  readonly bytes: number;
  /** Checksum of its bytes. */
  readonly sum: string;
}

/** What a file of many images holds. */
export interface Pack {
  /** The file with the images' bytes: the source itself, or what was unpacked from it. */
  readonly file: string;
  readonly images: readonly PackedImage[];
  readonly skipped: readonly Skipped[];
  readonly remarks: readonly Remark[];
  /** Names of the classes in the order of their labels, where the file has them. */
  readonly classNames?: readonly string[];
}

/** A pack as it is kept. */
interface KeptPack extends Pack {
  /** Of the unpacked file when its images were last compared with their checksums: size and time of change. */
  readonly checked?: readonly [bytes: number, changed: number];
}

/**
 * The pack of a file, read once: its index is kept in the cache until the file changes, or the code that reads it, and so
 * are the images of a file that cannot be read from anywhere. An index or images that are not as they were written are
 * made again; where the cache cannot be written they are made for this run alone.
 *
 * @param read what reads it; writes what it unpacks to the file that is handed to it
 * @throws UserError where there is no such file, or what is unpacked cannot be written anywhere
 */
export async function cachedPack(
  file: string,
  options: string,
  read: (file: string, unpacked: Unpacked) => Promise<Pack>,
): Promise<Pack> {
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile()) throw new UserError(`${file}: no such file`);
  const source = [codeFingerprint('data'), resolve(file), info.size, info.mtimeMs, options].join('\n');
  const name = join('packs', createHash('sha256').update(source).digest('hex').slice(0, 24));
  const known = await readKept(`${name}.json`);
  const bin = join(cacheFolder(), `${name}.bin`);
  if (known !== undefined) {
    const kept = JSON.parse(known) as KeptPack;
    if (kept.file === file) return kept;
    // The cache may have been moved since.
    const pack = { ...kept, file: bin };
    const state = await stateOf(bin);
    if (state !== undefined && `${pack.checked}` === `${state}`) return pack;
    if (state !== undefined && (await isWhole(pack))) {
      await keep(`${name}.json`, JSON.stringify({ ...pack, checked: state } satisfies KeptPack));
      return pack;
    }
  }
  const unpacked = new Unpacked(bin);
  try {
    const pack = await read(file, unpacked);
    await unpacked.keep();
    const isUnpacked = pack.file !== file;
    if (isUnpacked && unpacked.file !== bin) return { ...pack, file: unpacked.file };
    const kept: KeptPack = isUnpacked ? { ...pack, checked: await stateOf(bin) } : pack;
    await keep(`${name}.json`, JSON.stringify(kept));
    return pack;
  } finally {
    await unpacked.discard();
  }
}

async function stateOf(file: string): Promise<[number, number] | undefined> {
  const info = await stat(file).catch(() => undefined);
  return info?.isFile() ? [info.size, info.ctimeMs] : undefined;
}

/** Whether all images are as they were unpacked. */
async function isWhole({ file, images }: Pack): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    for (const { offset, bytes, sum } of images) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, offset);
      if (bytesRead !== bytes || checksum(buffer) !== sum) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    await handle?.close();
  }
}

/** Where images lie in packs. Of those that were unpacked, the checksum is compared whenever they are read. */
export function partsOf(packs: readonly Pack[], sources: readonly string[]): (id: string) => ImageSource {
  const places = new Map(
    packs.flatMap(({ file, images }, i) =>
      images.map(({ id, offset, bytes, sum }): [string, ImageSource] => [
        id,
        { file, part: { offset, bytes, ...(file !== sources[i] && { sum }) } },
      ]),
    ),
  );
  return (id) => places.get(id)!;
}
