import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../files/index.js';
import { type TargetContents, TargetLayout } from './target-layout.js';

/** What a store was made from; each field is compared, and named where it differs. */
export type StoreFingerprint = Readonly<Record<string, string | number>>;

interface Manifest {
  version: 1;
  fingerprint: StoreFingerprint;
  contents: TargetContents;
  records: number;
  recordsPerShard: number;
  shards: { file: string; sha256: string }[];
}

const MANIFEST = 'manifest.json';
const SHARD_BYTES = 16 << 20;

/**
 * The teacher's targets on disk: fixed-size records in shards of about 16 MB, and a manifest with the checksum of
 * each shard and the fingerprint of teacher, preprocessing, data and augmentation.
 *
 * Records are read as they are needed; the system's page cache keeps what fits.
 */
export class TargetStore {
  private readonly files = new Map<number, number>();

  private constructor(
    readonly dir: string,
    readonly layout: TargetLayout,
    private readonly manifest: Manifest,
  ) {}

  /**
   * Opens a store, complete or begun.
   *
   * @param wanted what is needed of it: a store that keeps more is fine
   * @returns undefined where the folder holds no store
   * @throws UserError where it was made from something else, keeps too little, or a shard is damaged
   */
  static open(dir: string, fingerprint: StoreFingerprint, wanted: TargetContents): TargetStore | undefined {
    const path = join(dir, MANIFEST);
    if (!existsSync(path)) return undefined;
    let manifest: Manifest;
    try {
      manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
    } catch {
      throw new UserError(`${path}: expected JSON; the target store is damaged: rebuild it`);
    }
    const stale = Object.keys({ ...fingerprint, ...manifest.fingerprint }).find(
      (key) => manifest.fingerprint?.[key] !== fingerprint[key],
    );
    if (manifest.version !== 1 || stale) {
      const was = stale ? ` (${stale} was ${manifest.fingerprint?.[stale]}, is ${fingerprint[stale]})` : '';
      throw new UserError(
        `${dir}: these teacher targets were made from something else${was}: rebuild the store, or use another folder`,
      );
    }
    const missing = missingFrom(manifest.contents, wanted);
    if (missing) throw new UserError(`${dir}: this target store lacks ${missing}: rebuild it`);
    const store = new TargetStore(dir, new TargetLayout(manifest.contents), manifest);
    store.verify();
    return store;
  }

  /** Begins an empty store, in place of whatever is in the folder. */
  static async create(
    dir: string,
    fingerprint: StoreFingerprint,
    contents: TargetContents,
    records: number,
    recordsPerShard?: number,
  ): Promise<TargetStore> {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    const layout = new TargetLayout(contents);
    const perShard = recordsPerShard ?? Math.max(1, Math.floor(SHARD_BYTES / layout.bytes));
    const store = new TargetStore(dir, layout, {
      version: 1,
      fingerprint,
      contents,
      records,
      recordsPerShard: perShard,
      shards: [],
    });
    await store.writeManifest();
    return store;
  }

  get records(): number {
    return this.manifest.records;
  }

  get recordsPerShard(): number {
    return this.manifest.recordsPerShard;
  }

  /** Records written so far, in whole shards. */
  get written(): number {
    return Math.min(this.manifest.shards.length * this.manifest.recordsPerShard, this.manifest.records);
  }

  get complete(): boolean {
    return this.written === this.manifest.records;
  }

  /** How many records the next shard holds. */
  get nextShardRecords(): number {
    return Math.min(this.manifest.recordsPerShard, this.manifest.records - this.written);
  }

  /** Adds the next shard, whole. */
  async append(shard: Uint8Array): Promise<void> {
    const expected = this.nextShardRecords * this.layout.bytes;
    if (shard.length !== expected)
      throw new Error(`TargetStore.append: expected ${expected} bytes, got ${shard.length}`);
    const file = `shard-${String(this.manifest.shards.length).padStart(5, '0')}.bin`;
    await writeFileAtomic(join(this.dir, file), shard);
    this.manifest.shards.push({ file, sha256: sha256(shard) });
    await this.writeManifest();
  }

  /** Reads record `index` into `out`, which holds one record and starts at a multiple of 4 bytes. */
  read(index: number, out: Uint8Array): void {
    if (index < 0 || index >= this.written) throw new RangeError(`target store: record ${index} of ${this.written}`);
    const shard = Math.floor(index / this.manifest.recordsPerShard);
    const within = index % this.manifest.recordsPerShard;
    let file = this.files.get(shard);
    if (file === undefined) {
      file = openSync(join(this.dir, this.manifest.shards[shard]!.file), 'r');
      this.files.set(shard, file);
    }
    const got = readSync(file, out, 0, this.layout.bytes, within * this.layout.bytes);
    if (got !== this.layout.bytes) throw new UserError(`${this.dir}: shard ${shard} ends early: rebuild the store`);
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file);
    this.files.clear();
  }

  private verify(): void {
    for (const [i, { file, sha256: sum }] of this.manifest.shards.entries()) {
      const path = join(this.dir, file);
      const rows = Math.min(this.manifest.recordsPerShard, this.records - i * this.manifest.recordsPerShard);
      const fits = existsSync(path) && statSync(path).size === rows * this.layout.bytes;
      if (!fits || sha256(readFileSync(path)) !== sum)
        throw new UserError(`${path}: missing or damaged: rebuild the target store`);
    }
  }

  private writeManifest(): Promise<void> {
    return writeFileAtomic(join(this.dir, MANIFEST), JSON.stringify(this.manifest, null, 1));
  }
}

/** The first thing wanted that is not kept, in words. */
function missingFrom(kept: TargetContents, wanted: TargetContents): string | undefined {
  const hidden = wanted.hidden.find((l) => !kept.hidden.includes(l));
  if (hidden !== undefined) return `the features of teacher layer ${hidden}`;
  const attention = wanted.attention.find((l) => !kept.attention.includes(l));
  if (attention !== undefined) return `the attention of teacher layer ${attention}`;
  const size = (['size', 'embed', 'tokens', 'width'] as const).find((field) => kept[field] !== wanted[field]);
  return size ? `the right ${size} (${kept[size]}, not ${wanted[size]})` : undefined;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
