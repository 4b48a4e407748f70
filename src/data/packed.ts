import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { ensureFolder, writeFileAtomic } from '../files/index.js';
import { cacheFolder } from './cache.js';
import type { PictureSource, Skipped } from './dataset.js';
import type { NamedPicture } from './picture-file.js';

/** A picture within a larger file. */
export interface PackedPicture extends NamedPicture {
  /** Where its bytes begin. */
  readonly offset: number;
  readonly bytes: number;
}

/** What a file of many pictures holds. */
export interface Pack {
  /** The file with the pictures' bytes: the source itself, or what was unpacked from it. */
  readonly file: string;
  readonly pictures: readonly PackedPicture[];
  readonly skipped: readonly Skipped[];
  /** Names of the classes in the order of their labels, where the file has them. */
  readonly classNames?: readonly string[];
}

/** Raised when packs are read differently. */
const revision = 1;

/**
 * The pack of a file, read once: its index is kept in the cache until the file changes, and so are the pictures of a
 * file that cannot be read from anywhere.
 *
 * @param read what reads it; writes what it unpacks to the file that is handed to it
 * @throws UserError where there is no such file
 */
export async function cachedPack(
  file: string,
  options: string,
  read: (file: string, unpacked: Unpacked) => Promise<Pack>,
): Promise<Pack> {
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile()) throw new UserError(`${file}: no such file`);
  const source = [revision, resolve(file), info.size, info.mtimeMs, options].join('\n');
  const key = createHash('sha256').update(source).digest('hex').slice(0, 24);
  const index = join(cacheFolder(), 'packs', `${key}.json`);
  const known = await readFile(index, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as Pack;
  const unpacked = new Unpacked(join(cacheFolder(), 'packs', `${key}.bin`));
  try {
    const pack = await read(file, unpacked);
    await unpacked.keep();
    await writeFileAtomic(index, JSON.stringify(pack));
    return pack;
  } finally {
    await unpacked.discard();
  }
}

/** A file that is written piece by piece and stands under its name when it is whole. */
export class Unpacked {
  private handle: FileHandle | undefined;
  private length = 0;
  private readonly temporary: string;

  constructor(readonly file: string) {
    this.temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  }

  /** @returns where the bytes begin */
  async write(bytes: Uint8Array): Promise<number> {
    if (!this.handle) {
      await ensureFolder(dirname(this.file));
      this.handle = await open(this.temporary, 'wx');
    }
    await this.handle.writeFile(bytes);
    this.length += bytes.length;
    return this.length - bytes.length;
  }

  async keep(): Promise<void> {
    if (!this.handle) return;
    await this.handle.close();
    this.handle = undefined;
    await rename(this.temporary, this.file);
  }

  /** Removes what was written and not kept. */
  async discard(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    await rm(this.temporary, { force: true });
  }
}

/** Where pictures lie in packs. */
export function partsOf(packs: readonly Pack[]): (id: string) => PictureSource {
  const places = new Map(
    packs.flatMap(({ file, pictures }) =>
      pictures.map(({ id, offset, bytes }): [string, PictureSource] => [id, { file, part: { offset, bytes } }]),
    ),
  );
  return (id) => places.get(id)!;
}
