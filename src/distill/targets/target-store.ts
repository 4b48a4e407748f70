import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { checksum, ensureFolder, isTemporary, linkInPlace, readBytesSync, writeFileAtomic } from '../../files/index.js';
import { type UnreadableImage, UnreadableImages } from '../../loader/index.js';
import { type TargetContents, TargetLayout } from './target-layout.js';
import {
  isStore,
  isStoreFile,
  MANIFEST,
  readManifest,
  remedy,
  type StoreFingerprint,
  shardFile,
  type TargetManifest,
  writeManifest,
} from './target-manifest.js';

/** What is needed of a store. */
export interface WantedTargets {
  readonly contents: TargetContents;
  /** Drawings; the fingerprint is to say which. */
  readonly examples: number;
  /** Views of each. */
  readonly views: number;
}

/**
 * The teacher's targets on disk: records of one size in shards, and a manifest with the checksum of each shard and the
 * fingerprint of teacher, preprocessing, data and augmentation.
 *
 * Records stand view after view, each with all drawings: a store of a few views is the beginning of one of more. Shards
 * are only ever added, so that one that was stopped, or is of fewer views, goes on behind what is there. Records are
 * read as they are needed; the system's page cache keeps what fits.
 */
export class TargetStore {
  private readonly files = new Map<number, number>();
  /** Number of the record behind each shard. */
  private readonly ends: number[] = [];
  private readonly bad: UnreadableImages;

  private constructor(
    readonly dir: string,
    readonly layout: TargetLayout,
    private readonly manifest: TargetManifest,
    private readonly wanted: WantedTargets,
  ) {
    this.bad = new UnreadableImages(wanted.examples, manifest.unreadable);
    for (const { records } of manifest.shards) this.ends.push(this.written + records);
  }

  /**
   * Opens a store, complete or begun.
   *
   * @param wanted what is needed of it: a store that keeps more is fine, and one of fewer views is one that is begun
   * @returns undefined where the folder holds no store
   * @throws UserError where it was made from something else, keeps too little, or a file of it is damaged
   */
  static open(dir: string, fingerprint: StoreFingerprint, wanted: WantedTargets): TargetStore | undefined {
    const manifest = readManifest(dir);
    if (!manifest) return undefined;
    const was = manifest.fingerprint;
    const stale = Object.keys({ ...fingerprint, ...was }).find((key) => was[key] !== fingerprint[key]);
    if (stale) {
      throw new UserError(
        `${dir}: these teacher targets were made from something else (${stale} was ${was[stale]}, is ${fingerprint[stale]}); ${remedy(dir)}`,
      );
    }
    const missing = missingFrom(manifest.contents, wanted.contents);
    if (missing) throw new UserError(`${dir}: these teacher targets lack ${missing}; ${remedy(dir)}`);
    const store = new TargetStore(dir, new TargetLayout(manifest.contents), manifest, wanted);
    store.verify();
    return store;
  }

  /**
   * Begins an empty store, in place of one that is in the folder. Files of others are left alone.
   *
   * @throws UserError where the folder holds something else
   */
  static async create(dir: string, fingerprint: StoreFingerprint, wanted: WantedTargets): Promise<TargetStore> {
    clear(dir);
    await ensureFolder(dir);
    const { contents } = wanted;
    const manifest: TargetManifest = {
      version: 3,
      fingerprint: { ...fingerprint },
      contents,
      shards: [],
      unreadable: [],
    };
    const store = new TargetStore(dir, new TargetLayout(contents), manifest, wanted);
    await writeManifest(dir, manifest);
    return store;
  }

  get examples(): number {
    return this.wanted.examples;
  }

  /** Records that are wanted. */
  get records(): number {
    return this.wanted.examples * this.wanted.views;
  }

  /** Records written so far; more than are wanted where the store has more views. */
  get written(): number {
    return this.ends.at(-1) ?? 0;
  }

  get complete(): boolean {
    return this.written >= this.records;
  }

  /** Images that could not be read, in the order of the data. */
  get unreadable(): readonly UnreadableImage[] {
    return this.bad.list;
  }

  /** The place of an image, or of the one that stands in for it where it could not be read: see {@link UnreadableImages}. */
  standIn(example: number): number {
    return this.bad.standIn(example);
  }

  /** The record of a drawing seen as a view. */
  index(example: number, view: number): number {
    return view * this.wanted.examples + example;
  }

  /**
   * Adds a shard: the next records, whole.
   *
   * @param unreadable images found so far that cannot be read
   * @throws UserError where the disk does not take it
   */
  async append(shard: Uint8Array, unreadable: readonly UnreadableImage[] = []): Promise<void> {
    const records = shard.length / this.layout.bytes;
    if (!(Number.isInteger(records) && records > 0)) {
      throw new Error(`TargetStore.append: expected records of ${this.layout.bytes} bytes, got ${shard.length}`);
    }
    const file = shardFile(this.manifest.shards.length);
    await writeFileAtomic(join(this.dir, file), shard);
    this.manifest.shards.push({ file, records, sha256: checksum(shard) });
    this.ends.push(this.written + records);
    for (const image of unreadable) this.bad.add(image);
    this.manifest.unreadable = [...this.bad.list];
    await writeManifest(this.dir, this.manifest);
  }

  /**
   * Takes the shards of stores that hold the next records, in their order, as its own: without a copy where the file
   * system has links. Their folders may be removed then.
   *
   * @throws UserError where the disk does not take it
   */
  async adopt(parts: readonly TargetStore[]): Promise<void> {
    const { shards } = this.manifest;
    for (const part of parts) {
      for (const shard of part.manifest.shards) {
        const file = shardFile(shards.length);
        await linkInPlace(join(part.dir, shard.file), join(this.dir, file));
        shards.push({ ...shard, file });
        this.ends.push(this.written + shard.records);
      }
      for (const image of part.unreadable) this.bad.add(image);
    }
    this.manifest.unreadable = [...this.bad.list];
    await writeManifest(this.dir, this.manifest);
  }

  /**
   * Reads record `index` into `out`, which holds one record and starts at a multiple of 4 bytes.
   *
   * @throws UserError where a file of the store is cut short; RangeError for a record that there is not
   */
  read(index: number, out: Uint8Array): void {
    if (index < 0 || index >= this.written) throw new RangeError(`target store: record ${index} of ${this.written}`);
    const shard = firstAbove(this.ends, index);
    const within = index - (this.ends[shard - 1] ?? 0);
    let file = this.files.get(shard);
    if (file === undefined) {
      file = openSync(join(this.dir, this.manifest.shards[shard]!.file), 'r');
      this.files.set(shard, file);
    }
    const got = readSync(file, out, 0, this.layout.bytes, within * this.layout.bytes);
    if (got !== this.layout.bytes) throw new UserError(`${this.dir}: shard ${shard} ends early; ${remedy(this.dir)}`);
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file);
    this.files.clear();
  }

  private verify(): void {
    for (const { file, records, sha256: sum } of this.manifest.shards) {
      const path = join(this.dir, file);
      const fits = existsSync(path) && statSync(path).size === records * this.layout.bytes;
      if (!fits || checksum(readBytesSync(path)) !== sum)
        throw new UserError(`${path}: missing or damaged; these teacher targets cannot be used: ${remedy(this.dir)}`);
    }
  }
}

/** Removes the store in a folder, and nothing else. @throws UserError where the folder holds something, but no store */
function clear(dir: string): void {
  if (!existsSync(dir)) return;
  // What a write that was killed left is nobody's: it goes with the next write.
  const found = statSync(dir).isDirectory() ? readdirSync(dir).filter((name) => !isTemporary(name)) : [dir];
  if (found.length === 0) return;
  if (!isStore(dir)) {
    throw new UserError(
      `${dir}: expected stored teacher targets, an empty folder or none, found ${found[0]}: give another folder, or empty this one yourself`,
    );
  }
  // The manifest last: what is left of a removal that was stopped is still known as a store.
  const own = found.filter(isStoreFile).sort((a, b) => Number(a === MANIFEST) - Number(b === MANIFEST));
  for (const file of own) rmSync(join(dir, file));
}

/** Position of the first of rising numbers that is above a value. */
function firstAbove(rising: readonly number[], value: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Bytes of the shards of a store in a folder; 0 where there is none, or it is damaged and will be refused. */
export function storedBytes(dir: string): number {
  const names = existsSync(dir) && statSync(dir).isDirectory() ? readdirSync(dir) : [];
  return names.filter(isStoreFile).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

/** The first thing wanted that is not kept, in words. */
function missingFrom(kept: TargetContents, wanted: TargetContents): string | undefined {
  const hidden = wanted.hidden.find((l) => !kept.hidden.includes(l));
  if (hidden !== undefined) return `the features of teacher layer ${hidden}`;
  const attention = wanted.attention.find((l) => !kept.attention.includes(l));
  if (attention !== undefined) return `the attention of teacher layer ${attention}`;
  const size = (['size', 'embed', 'tokens', 'width'] as const).find((field) => kept[field] !== wanted[field]);
  if (size) return `the right ${size} (${kept[size]}, not ${wanted[size]})`;
  const [own = 'fp16', asked = 'fp16'] = [kept.precision, wanted.precision];
  return own === asked ? undefined : `the right precision (${own}, not ${asked})`;
}
