import { availableParallelism } from 'node:os';
import type { Example, ImageTextDataset, RawImage } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Crew, ownThread, workerThreads } from './crew.js';
import { type EncodedImage, type JobSettings, kibOf, lanes, onlyUnreadable, sharedImage } from './job.js';
import { type UnreadableImage, UnreadableImages } from './unreadable.js';
import { type PlainView, shownBy, type View } from './view.js';

/** How views are made; not which. */
export interface LoaderOptions {
  /**
   * Worker threads that decode and augment; 0: the calling thread; `usual`: one less than the cores, at most 4, and none
   * where a batch has so few pixels that a thread's start costs more. @defaultValue 0
   */
  readonly workers?: number | 'usual';
  /** Most bytes for decoded images and views; not counted is what a data set holds itself. @defaultValue 512 MiB */
  readonly memory?: number;
}

export interface LoaderPlan extends Omit<JobSettings, 'room'> {
  /** Views a batch, at most. */
  readonly batch: number;
  /** The views of batch n; depends on n alone. None: the batches end here. */
  readonly views: (n: number) => readonly View[];
}

/** A batch of views. */
export interface LoadedViews {
  /** As they were made: another image stands in for one that cannot be read. */
  readonly views: readonly View[];
  /** [views, size, size, 3]; overwritten after the next batch is asked for. */
  readonly rgb: Uint8Array;
}

/** Pixels of a batch that the calling thread makes in about a millisecond. */
const fewPixels = 2 ** 15;

/** One core is left to the training, and few keep up with it. */
const usualWorkers = ({ batch, size }: LoaderPlan): number =>
  batch * size ** 2 <= fewPixels ? 0 : Math.max(1, Math.min(4, availableParallelism() - 1));

const usualMemory = 512 * 2 ** 20;
/** An image that is kept at 512 pixels a side, with transparency; whole ones are kept as far as there is room. */
const largestImage = 512 * 512 * 4;
/** Batches made ahead: enough to bridge a slow image. */
const furthest = 4;

/**
 * Makes the views of batch after batch, some batches ahead of the one that is asked for, in worker threads or this one.
 *
 * What is in a batch depends on its number alone, whoever makes it and when. An image that cannot be read is passed over:
 * the next of the list that can be read stands in for it, see {@link UnreadableImages}. Decoded images are kept as long as there
 * is memory; the first ones stay, as in reshuffled epochs no image is likelier than another to be needed next.
 */
export class Loader {
  private readonly images = new Map<number, RawImage>();
  private readonly crew: Crew;
  private readonly coming = new Map<number, Promise<LoadedViews>>();
  private readonly free: Uint8Array[];
  private given: Uint8Array | undefined;
  private readonly room = new Int32Array(new SharedArrayBuffer(4));
  private readonly bad: UnreadableImages;

  /** @throws UserError where two batches do not fit the memory */
  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
    private readonly plan: LoaderPlan,
    { workers: wanted = 0, memory = usualMemory }: LoaderOptions = {},
  ) {
    const workers = wanted === 'usual' ? usualWorkers(plan) : wanted;
    this.bad = new UnreadableImages(examples.length);
    const bytes = plan.batch * plan.size ** 2 * 3;
    // A mixed view is made of two images.
    const atWork = 2 * lanes * Math.max(1, workers) * largestImage;
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

  /** The images found so far that cannot be read, in the order of the list. */
  get unreadable(): readonly UnreadableImage[] {
    return this.bad.list;
  }

  /**
   * The views of batch `n`; the next ones are begun.
   *
   * @throws UserError where no image is left that can be read, or a thousand in a row cannot
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
    const batch = this.make(views, rgb).then((made) => ({ views: made, rgb }));
    // It is looked at when it is asked for; until then a failure is no unhandled one.
    batch.catch(() => {});
    this.coming.set(n, batch);
  }

  /** Makes views into `rgb`, and again those that turn out to show an image that cannot be read, with another in its place. */
  private async make(wanted: readonly View[], rgb: Uint8Array): Promise<readonly View[]> {
    const views = wanted.map((view) => this.readable(view));
    let places = [...views.keys()];
    while (places.length > 0) {
      const images = new Map<number, RawImage | EncodedImage>();
      for (const example of new Set(places.flatMap((place) => shownBy(views[place]!)))) {
        const image = await this.image(example).catch(onlyUnreadable);
        if (image instanceof UserError) this.note(example, image.message);
        else images.set(example, image);
      }
      const shown = places.filter((place) => shownBy(views[place]!).every((example) => images.has(example)));
      const next = new Int32Array(new SharedArrayBuffer(4));
      const job = { views: shown.map((place) => views[place]!), places: shown, images, next, rgb };
      const { decoded, unreadable } = await this.crew.work(job);
      for (const [i, image] of decoded) this.keep(i, image);
      for (const [example, reason] of unreadable) this.note(example, reason);
      const made = new Set(shown.filter((place) => !shownBy(views[place]!).some((example) => unreadable.has(example))));
      places = places.filter((place) => !made.has(place));
      for (const place of places) views[place] = this.readable(views[place]!);
    }
    return views;
  }

  private note(example: number, reason: string): void {
    this.bad.add({ example, id: this.examples[example]!.id, reason });
  }

  /** The view with other images in place of those that are known to be unreadable. */
  private readable(view: View): View {
    const plain = <V extends PlainView>(one: V): V => ({ ...one, example: this.bad.standIn(one.example) });
    return { ...plain(view), ...(view.mixed && { mixed: { ...view.mixed, with: plain(view.mixed.with) } }) };
  }

  private async image(index: number): Promise<RawImage | EncodedImage> {
    const known = this.images.get(index);
    if (known) return known;
    const example = this.examples[index]!;
    if (this.dataset.source) return { id: example.id, source: this.dataset.source(example) };
    const image = await this.dataset.load(example);
    const shared = sharedImage(image, this.room);
    if (shared) this.keep(index, shared);
    // A worker gets a copy of an image's whole memory, which may be that of many.
    return shared ?? { ...image, data: new Uint8Array(image.data) };
  }

  private keep(index: number, image: RawImage): void {
    // Two threads may have decoded it at the same time.
    if (this.images.has(index)) Atomics.add(this.room, 0, kibOf(image));
    else this.images.set(index, image);
  }
}
