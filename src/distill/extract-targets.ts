import { type AugmentOptions, augmentImage } from '../augment/index.js';
import { normalizePixels } from '../clip/index.js';
import type { Example, ImageTextDataset, Picture } from '../data/index.js';
import { UserError } from '../errors.js';
import { floatToHalf } from '../files/index.js';
import { Random } from '../random.js';
import { hash } from './fingerprint.js';
import type { TargetContents } from './target-layout.js';
import { type StoreFingerprint, TargetStore } from './target-store.js';
import type { Teacher } from './teacher.js';

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
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Records of drawing `example`, seen as view `view`. */
export function recordIndex(example: number, view: number, views: number): number {
  return example * views + view;
}

/** The augmented pixels of a view: the teacher's targets and the student's input are of the same pixels. */
export function viewPixels(
  picture: Picture,
  id: string,
  view: number,
  size: number,
  o: Pick<ExtractOptions, 'augment' | 'seed'>,
): Uint8Array {
  return augmentImage(picture, size, o.augment, new Random(o.seed, 'view', id, view));
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

const BATCH = 64;

async function extract(store: TargetStore, options: ExtractOptions): Promise<void> {
  const { teacher, dataset, examples, views } = options;
  const { layout } = store;
  const { size, embed: width, hidden, attention } = layout.contents;
  const pass = await teacher.images(BATCH, { hidden, attention });
  const pixels = { shape: [BATCH, 3, size, size], data: new Float32Array(BATCH * 3 * size * size) };
  const pictures = new PictureWindow(dataset, examples);
  try {
    while (!store.complete) {
      const first = store.written;
      const count = store.nextShardRecords;
      const shard = new Uint8Array(count * layout.bytes);
      for (let start = 0; start < count; start += BATCH) {
        if (options.signal?.aborted) return;
        const rows = Math.min(BATCH, count - start);
        const record = (i: number) => shard.subarray((start + i) * layout.bytes, (start + i + 1) * layout.bytes);
        await pictures.need(Math.floor((first + start) / views), Math.floor((first + start + rows - 1) / views));
        for (let i = 0; i < rows; i++) {
          const example = Math.floor((first + start + i) / views);
          const rgb = viewPixels(
            pictures.get(example),
            examples[example]!.id,
            (first + start + i) % views,
            size,
            options,
          );
          layout.pixels(record(i)).set(rgb);
          normalizePixels(rgb, size, teacher.preprocess, pixels.data, i * 3 * size * size);
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
    await pass.dispose();
  }
}

/** Pictures of the examples now in work; each is loaded once, however many views it has. */
class PictureWindow {
  private readonly loaded = new Map<number, Picture>();

  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
  ) {}

  async need(from: number, to: number): Promise<void> {
    for (const i of this.loaded.keys()) if (i < from) this.loaded.delete(i);
    const missing: number[] = [];
    for (let i = from; i <= to; i++) if (!this.loaded.has(i)) missing.push(i);
    const pictures = await Promise.all(missing.map((i) => this.dataset.load(this.examples[i]!)));
    for (const [k, i] of missing.entries()) this.loaded.set(i, pictures[k]!);
  }

  get(example: number): Picture {
    return this.loaded.get(example)!;
  }
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
    augment: JSON.stringify(augment),
    seed,
    views,
  };
}
