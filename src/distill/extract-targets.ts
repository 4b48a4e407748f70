import { type AugmentOptions, pictureOptions } from '../augment/index.js';
import { normalizePixels } from '../clip/index.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { floatToHalf } from '../files/index.js';
import { Loader, type LoaderOptions, storedView, type View } from '../loader/index.js';
import { hash } from './fingerprint.js';
import type { TargetContents } from './target-layout.js';
import { type StoreFingerprint, TargetStore } from './target-store.js';
import { picturesAtATime, type Teacher } from './teacher.js';

export interface ExtractOptions {
  teacher: Teacher;
  dataset: ImageTextDataset;
  examples: readonly Example[];
  /** Augmentation seeds a drawing. */
  views: number;
  augment: AugmentOptions;
  seed: number;
  /** Teacher layers to keep, counted from 1. */
  hidden: number[];
  attention: number[];
  /** Folder of the store. */
  dir: string;
  /** Replace a store that does not fit, instead of refusing it. */
  rebuild?: boolean;
  loader?: LoaderOptions;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Records of drawing `example`, seen as view `view`. */
export function recordIndex(example: number, view: number, views: number): number {
  return example * views + view;
}

/**
 * The teacher's targets of all views: opened where they are on disk already, extracted where not, continued where an
 * extraction was stopped.
 *
 * @throws UserError where the folder holds the targets of something else and `rebuild` is not set
 */
export async function ensureTargets(options: ExtractOptions): Promise<TargetStore> {
  const contents = targetContents(options);
  const fingerprint = storeFingerprint(options);
  let store: TargetStore | undefined;
  try {
    store = TargetStore.open(options.dir, fingerprint, contents);
  } catch (error) {
    if (!(error instanceof UserError) || !options.rebuild) throw error;
  }
  store ??= await TargetStore.create(options.dir, fingerprint, contents, options.examples.length * options.views);
  if (!store.complete) await extract(store, options);
  return store;
}

async function extract(store: TargetStore, options: ExtractOptions): Promise<void> {
  const { teacher, dataset, examples } = options;
  const { layout } = store;
  const { size, embed: width, hidden, attention } = layout.contents;
  const batch = picturesAtATime(teacher.config);
  const pass = await teacher.images(batch, { hidden, attention });
  const pixels = { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size * size) };
  const views = (n: number) => batchViews(n, batch, store, options);
  const plan = { size, augment: options.augment, batch, views };
  const loader = new Loader(dataset, examples, plan, options.loader);
  try {
    while (!store.complete) {
      const first = store.written;
      const count = store.nextShardRecords;
      const shard = new Uint8Array(count * layout.bytes);
      for (let start = 0; start < count; start += batch) {
        if (options.signal?.aborted) return;
        const rows = Math.min(batch, count - start);
        const record = (i: number) => shard.subarray((start + i) * layout.bytes, (start + i + 1) * layout.bytes);
        const { rgb } = await loader.batch(batchOf(first + start, batch, store));
        for (let i = 0; i < rows; i++) {
          const view = rgb.subarray(i * size * size * 3, (i + 1) * size * size * 3);
          layout.pixels(record(i)).set(view);
          normalizePixels(view, size, teacher.preprocess, pixels.data, i * 3 * size * size);
        }
        const result = await pass.run(pixels);
        const part = (name: string, i: number, n: number) =>
          (result[name]!.data as Float32Array).subarray(i * n, (i + 1) * n);
        for (let i = 0; i < rows; i++) {
          layout.embed(record(i)).set(part('embed', i, width));
          for (const l of hidden) floatToHalf(part(`hidden.${l}`, i, layout.hiddenSize), layout.hidden(record(i), l));
          for (const l of attention)
            floatToHalf(part(`attention.${l}`, i, layout.mapSize), layout.attention(record(i), l));
        }
        options.onProgress?.(first + start + rows, store.records);
        // The runtime blocks this thread: let Ctrl-C and progress through.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await store.append(shard);
    }
  } finally {
    await Promise.all([pass.dispose(), loader.dispose()]);
  }
}

/** The number of the batch that begins with a record: batches begin anew with every shard. */
function batchOf(record: number, batch: number, { recordsPerShard }: TargetStore): number {
  const shard = Math.floor(record / recordsPerShard);
  return shard * Math.ceil(recordsPerShard / batch) + (record - shard * recordsPerShard) / batch;
}

/** The views of a batch, none behind the last. */
function batchViews(
  n: number,
  batch: number,
  { recordsPerShard, records, layout }: TargetStore,
  options: ExtractOptions,
): View[] {
  const batches = Math.ceil(recordsPerShard / batch);
  const shard = Math.floor(n / batches);
  const first = shard * recordsPerShard + (n - shard * batches) * batch;
  const end = Math.min(first + batch, (shard + 1) * recordsPerShard, records);
  const { examples, views } = options;
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => {
    const record = first + i;
    return storedView(examples, Math.floor(record / views), record % views, layout.contents.size, options);
  });
}

function targetContents({ teacher: { config, inner }, hidden, attention }: ExtractOptions): TargetContents {
  const { image_size, patch_size, hidden_size } = config.vision_config;
  return {
    size: image_size,
    embed: config.projection_dim,
    tokens: inner ? 1 + (image_size / patch_size) ** 2 : 0,
    width: inner ? hidden_size : 0,
    hidden,
    attention,
  };
}

/** Everything that the targets depend on. */
function storeFingerprint(options: ExtractOptions): StoreFingerprint {
  const { teacher, dataset, examples, views, augment, seed } = options;
  return {
    teacher: teacher.fingerprint(),
    preprocess: JSON.stringify(teacher.preprocess),
    data: dataset.fingerprint,
    examples: hash(examples.map((e) => e.id).join('\n')),
    augment: JSON.stringify(pictureOptions(augment)),
    seed,
    views,
  };
}
