import { availableParallelism } from 'node:os';
import type { Example, ImageTextDataset, Picture } from '../data/index.js';
import { PictureError } from '../data/picture-error.js';
import { UserError } from '../errors.js';
import { type Crew, ownThread, workerThreads } from './crew.js';
import {
  type EncodedPicture,
  type FailedView,
  type JobSettings,
  kibOf,
  lanes,
  sharedPicture,
  type UnreadablePicture,
} from './job.js';
import { shownBy, type View } from './view.js';

/** How views are made; not which. */
export interface LoaderOptions {
  /** Worker threads that decode and augment, see {@link usualWorkers}; 0: the calling thread. @defaultValue 0 */
  readonly workers?: number;
  /** Most bytes for decoded pictures and views; not counted is what a data set holds itself. @defaultValue 512 MiB */
  readonly memory?: number;
  /**
   * What becomes of a picture that cannot be read: `refuse` ends with it, `report` goes on and names the views that show
   * it in {@link LoadedViews.failed}. @defaultValue refuse
   */
  readonly unreadable?: 'refuse' | 'report';
}

export interface LoaderPlan extends Omit<JobSettings, 'room'> {
  /** Views a batch, at most. */
  readonly batch: number;
  /** The views of batch n; depends on n alone. None: the batches end here. */
  readonly views: (n: number) => readonly View[];
}

/** A batch of views. */
export interface LoadedViews {
  readonly views: readonly View[];
  /** [views, size, size, 3]; overwritten after the next batch is asked for. */
  readonly rgb: Uint8Array;
  /** Views that could not be made, in their order; their pixels are 0. Depends on the batch's number alone. */
  readonly failed: readonly FailedView[];
}

/** One core is left to the training, and few keep up with it. */
export const usualWorkers = (): number => Math.max(1, Math.min(4, availableParallelism() - 1));

const usualMemory = 512 * 2 ** 20;
/** A picture is kept at 512 pixels a side, with transparency. */
const largestPicture = 512 * 512 * 4;
/** Batches made ahead: enough to bridge a slow picture. */
const furthest = 4;

/**
 * Makes the views of batch after batch, some batches ahead of the one that is asked for, in worker threads or this one.
 *
 * What is in a batch depends on its number alone, whoever makes it and when. Decoded pictures are kept as long as there
 * is memory; the first ones stay, as in reshuffled epochs no picture is likelier than another to be needed next.
 */
export class Loader {
  private readonly pictures = new Map<number, Picture>();
  private readonly crew: Crew;
  private readonly coming = new Map<number, Promise<LoadedViews>>();
  private readonly free: Uint8Array[];
  private given: Uint8Array | undefined;
  private readonly room = new Int32Array(new SharedArrayBuffer(4));
  private readonly refuses: boolean;

  /** @throws UserError where two batches do not fit the memory */
  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
    private readonly plan: LoaderPlan,
    { workers = 0, memory = usualMemory, unreadable = 'refuse' }: LoaderOptions = {},
  ) {
    this.refuses = unreadable === 'refuse';
    const bytes = plan.batch * plan.size ** 2 * 3;
    // A mixed view is made of two pictures.
    const atWork = 2 * lanes * Math.max(1, workers) * largestPicture;
    const least = 2 * bytes + atWork;
    if (memory < least) {
      throw new UserError(
        `loader: expected memory for two batches, ${Math.ceil(least / 2 ** 20)} MiB, got ${Math.floor(memory / 2 ** 20)} MiB; allow more, or choose a smaller batch`,
      );
    }
    const buffers = Math.max(2, Math.min(1 + furthest, Math.floor(memory / 4 / bytes)));
    this.free = Array.from({ length: buffers }, () => new Uint8Array(new SharedArrayBuffer(bytes)));
    this.room[0] = Math.floor((memory - buffers * bytes - atWork) / 1024);
    const settings = { size: plan.size, augment: plan.augment, room: this.room };
    this.crew = workers > 0 ? workerThreads(workers, settings) : ownThread(settings);
  }

  /**
   * The views of batch `n`; the next ones are begun.
   *
   * @throws PictureError where a picture cannot be read, unless such are reported
   */
  async batch(n: number): Promise<LoadedViews> {
    if (this.given) this.free.push(this.given);
    this.given = undefined;
    if (!this.coming.has(n)) await this.forget();
    for (let next = n; this.free.length > 0; next++) {
      if (this.coming.has(next)) continue;
      const views = this.plan.views(next);
      if (views.length === 0) break;
      this.begin(next, views);
    }
    const batch = this.coming.get(n);
    if (!batch) throw new RangeError(`Loader.batch: there is no batch ${n}`);
    this.coming.delete(n);
    const made = await batch;
    this.given = made.rgb;
    return made;
  }

  async dispose(): Promise<void> {
    await this.crew.dispose();
    await this.forget();
  }

  /** Batches ahead of another place than the one asked for. */
  private async forget(): Promise<void> {
    const made = await Promise.allSettled(this.coming.values());
    this.coming.clear();
    for (const one of made) if (one.status === 'fulfilled') this.free.push(one.value.rgb);
  }

  private begin(n: number, views: readonly View[]): void {
    const rgb = this.free.pop()!;
    const batch = this.make(views, rgb).then((failed) => ({ views, rgb, failed }));
    // It is looked at when it is asked for; until then a failure is no unhandled one.
    batch.catch(() => {});
    this.coming.set(n, batch);
  }

  private async make(views: readonly View[], rgb: Uint8Array): Promise<FailedView[]> {
    const pictures = new Map<number, Picture | EncodedPicture | UnreadablePicture>();
    for (const example of new Set(views.flatMap(shownBy))) pictures.set(example, await this.picture(example));
    const next = new Int32Array(new SharedArrayBuffer(4));
    const { decoded, failed } = await this.crew.work({ views, pictures, next, rgb });
    for (const [i, picture] of decoded) this.keep(i, picture);
    const inOrder = [...failed].sort((a, b) => a.view - b.view);
    const [first] = inOrder;
    if (first && this.refuses) throw new PictureError(first.id, first.reason);
    return inOrder;
  }

  private async picture(index: number): Promise<Picture | EncodedPicture | UnreadablePicture> {
    const known = this.pictures.get(index);
    if (known) return known;
    const example = this.examples[index]!;
    if (this.dataset.source) return { id: example.id, source: this.dataset.source(example) };
    const picture = await this.dataset.load(example).catch((error: unknown): UnreadablePicture => {
      if (!(error instanceof PictureError)) throw error;
      return { id: error.id, reason: error.reason };
    });
    if ('reason' in picture) return picture;
    const shared = sharedPicture(picture, this.room);
    if (shared) this.keep(index, shared);
    // A worker gets a copy of a picture's whole memory, which may be that of many.
    return shared ?? { ...picture, data: new Uint8Array(picture.data) };
  }

  private keep(index: number, picture: Picture): void {
    // Two threads may have decoded it at the same time.
    if (this.pictures.has(index)) Atomics.add(this.room, 0, kibOf(picture));
    else this.pictures.set(index, picture);
  }
}
