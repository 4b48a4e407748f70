import type { AugmentOptions } from '../augment/index.js';
import { readImage } from '../data/images/source.js';
import type { DecodeOptions, ImageSource, RawImage } from '../data/index.js';
import { UserError } from '../errors.js';
import { drawView, shownBy, type View } from './view.js';

/** What all jobs of a loader share. */
export interface JobSettings {
  readonly size: number;
  readonly augment: AugmentOptions;
  /** KiB left for decoded images; every thread takes from it. [1] */
  readonly room: Int32Array;
}

/** An image as it lies in its file. */
export interface EncodedImage {
  readonly id: string;
  readonly source: ImageSource;
}

/** The views of a batch, and what they are made of: plain data over shared memory. */
export interface Job {
  readonly views: readonly View[];
  /** For each view, its place in `rgb`. */
  readonly places: readonly number[];
  /** By place in the list: images decoded before, or where they lie. */
  readonly images: ReadonlyMap<number, RawImage | EncodedImage>;
  /** The next view that nobody works at; every thread takes from it. [1] */
  readonly next: Int32Array;
  /** Views, one place after the other. [places, size, size, 3] */
  readonly rgb: Uint8Array;
}

/** What came of a job. */
export interface JobResult {
  /** Images that were decoded on the way and may be kept. */
  readonly decoded: ReadonlyMap<number, RawImage>;
  /** By place in the list: why an image cannot be read. Views that show it are not made. */
  readonly unreadable: ReadonlyMap<number, string>;
}

/** Views at work in a thread at the same time: while one is decoded, another is augmented. */
export const lanes = 2;

/** Makes views of a job until none is left that nobody works at. */
export async function workAt(job: Job, { size, augment, room }: JobSettings): Promise<JobResult> {
  const kept = new Map<number, RawImage>();
  const unreadable = new Map<number, string>();
  const decoded = async (example: number): Promise<RawImage> => {
    const given = kept.get(example) ?? job.images.get(example)!;
    if (!('source' in given)) return given;
    const image = await readImage(given.source, given.id, pixelsKept(augment));
    const shared = sharedImage(image, room);
    if (shared) kept.set(example, shared);
    return image;
  };
  const lane = async () => {
    for (let i = Atomics.add(job.next, 0, 1); i < job.views.length; i = Atomics.add(job.next, 0, 1)) {
      const view = job.views[i]!;
      const shown = new Map<number, RawImage>();
      for (const example of shownBy(view)) {
        const image = await decoded(example).catch(onlyUnreadable);
        if (image instanceof UserError) unreadable.set(example, image.message);
        else shown.set(example, image);
      }
      if (shownBy(view).every((example) => shown.has(example)))
        job.rgb.set(drawView(view, shown, size, augment), job.places[i]! * size * size * 3);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { decoded: kept, unreadable };
}

/** torchvision crops out of the image as it lies in its file; what we make quicker comes out of a smaller copy. */
const pixelsKept = ({ interpolation }: AugmentOptions): DecodeOptions =>
  interpolation ? { longest: Number.POSITIVE_INFINITY } : {};

/** One bad file is a result, and does not end the training; any other error does. */
export function onlyUnreadable(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}

export const kibOf = ({ data }: RawImage): number => Math.ceil(data.length / 1024);

/** A copy in memory that threads share, where there is room for it. */
export function sharedImage(image: RawImage, room: Int32Array): RawImage | undefined {
  const kib = kibOf(image);
  if (Atomics.sub(room, 0, kib) < kib) {
    Atomics.add(room, 0, kib);
    return undefined;
  }
  const data = new Uint8Array(new SharedArrayBuffer(image.data.length));
  data.set(image.data);
  return { ...image, data };
}
