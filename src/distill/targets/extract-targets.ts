import { type AugmentOptions, imageOptions } from '../../augment/index.js';
import { normalizePixels } from '../../clip/index.js';
import type { Example, ImageTextDataset } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { hash } from '../../files/index.js';
import type { Shard } from '../../jobs/index.js';
import { Loader, type LoaderOptions, storedView, type View } from '../../loader/index.js';
import { checkStorable } from '../teacher/stored-half.js';
import { imagesAtATime, type Teacher } from '../teacher/teacher.js';
import { extractShare, type RecordRange } from './shared-extraction.js';
import type { TargetContents, TargetPrecision } from './target-layout.js';
import type { StoreFingerprint } from './target-manifest.js';
import { TargetStore, type WantedTargets } from './target-store.js';

/** Options of {@link ensureTargets}. */
export interface ExtractOptions {
  teacher: Teacher;
  dataset: ImageTextDataset;
  examples: readonly Example[];
  /** Augmentation seeds an image. */
  views: number;
  augment: AugmentOptions;
  seed: number;
  /** Teacher layers to keep, counted from 1. */
  hidden: readonly number[];
  attention: readonly number[];
  /** Of layers and maps. @defaultValue fp16 */
  precision?: TargetPrecision;
  /** Side of the grid that the teacher's patches are pooled to; left out: as they are. */
  grid?: number;
  /** Folder of the store. */
  dir: string;
  /** Replace a store that does not fit, instead of refusing it. */
  rebuild?: boolean;
  loader?: LoaderOptions;
  /** Only this share is extracted, beside other processes at theirs; the store is complete when all are. */
  shard?: Shard;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** A shard's size, about: what is written at once, and at most lost where the process is killed. */
const SHARD_BYTES = 16 << 20;

/**
 * The teacher's targets of all views: opened where they are on disk already, extracted where not. An extraction that was
 * stopped is continued, and where the store has fewer views, only those that it lacks are extracted.
 *
 * @returns a store that is not complete where the signal stopped it, or other shards are not there yet
 * @throws BusyError where another process extracts the same shard; UserError where the folder holds the targets of something else and `rebuild` is not set, or something else; or
 * for values of the teacher that fp16 cannot hold
 */
export async function ensureTargets(options: ExtractOptions): Promise<TargetStore> {
  const { dir, examples, views } = options;
  const wanted = { contents: targetContents(options), examples: examples.length, views };
  const fingerprint = storeFingerprint(options);
  const openOwn = () => openStore(options, fingerprint, wanted);
  if (options.shard === undefined || options.shard.of === 1) {
    const store = await openOwn();
    if (!store.complete) await extract(store, options, { first: 0, end: store.records });
    return store;
  }
  const order = new ViewBatchOrder(examples.length, views, imagesAtATime(options.teacher.config));
  return extractShare(
    { dir, fingerprint, wanted, shard: options.shard, rebuild: options.rebuild },
    order,
    openOwn,
    (part, range) => extract(part, options, range),
  );
}

async function openStore(
  { dir, rebuild }: Pick<ExtractOptions, 'dir' | 'rebuild'>,
  fingerprint: StoreFingerprint,
  wanted: WantedTargets,
): Promise<TargetStore> {
  try {
    const store = TargetStore.open(dir, fingerprint, wanted);
    if (store) return store;
  } catch (error) {
    if (!(error instanceof UserError) || !rebuild) throw error;
  }
  return TargetStore.create(dir, fingerprint, wanted);
}

/** @param range records to extract; the store holds those from `first` on */
async function extract(store: TargetStore, options: ExtractOptions, { first, end }: RecordRange): Promise<void> {
  const { teacher, dataset, examples } = options;
  const { layout } = store;
  const records = end - first;
  const { size, embed: width, hidden, attention } = layout.contents;
  const batch = imagesAtATime(teacher.config);
  const batches = new ViewBatchOrder(examples.length, options.views, batch);
  const pass = await teacher.images(batch, { hidden, attention, grid: options.grid });
  const pixels = { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size * size) };
  const views = (n: number): View[] =>
    batches.records(n).map((r) => {
      const example = r % examples.length;
      return storedView(examples, example, (r - example) / examples.length, size, options);
    });
  const plan = { size, augment: options.augment, batch, views };
  const loader = new Loader(dataset, examples, plan, options.loader);
  // A shard holds whole batches.
  const room = Math.max(1, Math.floor(SHARD_BYTES / (batch * layout.bytes))) * batch;
  const shard = new Uint8Array(Math.min(room, records - store.written) * layout.bytes);
  const record = (i: number) => shard.subarray(i * layout.bytes, (i + 1) * layout.bytes);
  let filled = 0;
  const write = async () => {
    const count = filled;
    filled = 0;
    if (count > 0) await store.append(shard.subarray(0, count * layout.bytes), loader.unreadable);
  };
  try {
    while (store.written + filled < records && !options.signal?.aborted) {
      const next = first + store.written + filled;
      const n = batches.of(next);
      const { rgb } = await loader.batch(n);
      const own = batches.records(n);
      const pixelsOf = (i: number) => rgb.subarray(i * size * size * 3, (i + 1) * size * size * 3);
      for (const i of own.keys())
        normalizePixels(pixelsOf(i), size, teacher.preprocess, pixels.data, i * 3 * size * size);
      const result = await pass.run(pixels);
      const part = (name: string, i: number, n: number) =>
        (result[name]!.data as Float32Array).subarray(i * n, (i + 1) * n);
      for (const [i, at] of own.entries()) {
        if (at < next) continue;
        const to = record(filled);
        layout.pixels(to).set(pixelsOf(i));
        layout.embed(to).set(part('embed', i, width));
        const storable = (name: string, size: number, what: string) => {
          const values = part(name, i, size);
          checkStorable(what, values, 'map other layers with losses.layers, or none of them', layout.keepsHalves);
          return values;
        };
        for (const l of hidden)
          layout.writeHidden(to, l, storable(`hidden.${l}`, layout.hiddenSize, `hidden states of layer ${l}`));
        for (const l of attention)
          layout.writeAttention(to, l, storable(`attention.${l}`, layout.mapSize, `attention maps of layer ${l}`));
        filled++; // a record counts once it is whole
      }
      options.onProgress?.(store.written + filled, records);
      if (filled + batch > room) await write();
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    // However it ends, what is there is kept.
    await write().finally(() => Promise.all([pass.dispose(), loader.dispose()]));
  }
}

/**
 * The teacher's batches: view after view, each begun anew, so that what stands beside a record in its batch does not depend
 * on how many views there are, or where an extraction was stopped.
 */
class ViewBatchOrder {
  private readonly each: number;

  /** How many there are. */
  get count(): number {
    return this.each * this.views;
  }

  constructor(
    private readonly examples: number,
    private readonly views: number,
    private readonly batch: number,
  ) {
    this.each = Math.ceil(examples / batch);
  }

  /** Number of the batch that a record is in. */
  of(record: number): number {
    const example = record % this.examples;
    return ((record - example) / this.examples) * this.each + Math.floor(example / this.batch);
  }

  /** The records of a batch, one after the other; none behind the last. */
  records(n: number): number[] {
    const view = Math.floor(n / this.each);
    if (view >= this.views) return [];
    const first = (n % this.each) * this.batch;
    const count = Math.min(this.batch, this.examples - first);
    return Array.from({ length: count }, (_, i) => view * this.examples + first + i);
  }
}

/** What is kept of a view of these layers of a teacher. */
export function targetContents({
  teacher: { config, inner },
  hidden,
  attention,
  precision,
  grid,
}: Pick<ExtractOptions, 'teacher' | 'hidden' | 'attention' | 'precision' | 'grid'>): TargetContents {
  const { image_size, patch_size, hidden_size } = config.vision_config;
  return {
    size: image_size,
    embed: config.projection_dim,
    tokens: inner ? 1 + (grid ?? image_size / patch_size) ** 2 : 0,
    width: inner ? hidden_size : 0,
    hidden: [...hidden],
    attention: [...attention],
    // Left out of manifests, as before there was a choice.
    ...(precision === 'fp8' && { precision }),
  };
}

/** Everything that the targets of a view depend on. */
function storeFingerprint(options: ExtractOptions): StoreFingerprint {
  const { teacher, dataset, examples, augment, seed } = options;
  return {
    teacher: teacher.fingerprint(),
    preprocess: JSON.stringify(teacher.preprocess),
    data: dataset.fingerprint,
    examples: hash(examples.map((e) => e.id).join('\n')),
    augment: JSON.stringify(imageOptions(augment)),
    seed,
  };
}
