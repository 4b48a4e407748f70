import type { AugmentOptions } from '../augment/index.js';
import type { Picture, PictureSource } from '../data/index.js';
import { PictureError } from '../data/picture-error.js';
import { readPicture } from '../data/source.js';
import { drawView, shownBy, type View } from './view.js';

/** What all jobs of a loader share. */
export interface JobSettings {
  readonly size: number;
  readonly augment: AugmentOptions;
  /** KiB left for decoded pictures; every thread takes from it. [1] */
  readonly room: Int32Array;
}

/** A picture as it lies in its file. */
export interface EncodedPicture {
  readonly id: string;
  readonly source: PictureSource;
}

/** A picture that was found to be unreadable before the job. */
export interface UnreadablePicture {
  readonly id: string;
  readonly reason: string;
}

/** A view that could not be made, as a picture that it shows cannot be read. Its pixels are 0. */
export interface FailedView {
  /** Its place in the batch. */
  readonly view: number;
  /** Place of the picture in the list of examples. */
  readonly example: number;
  readonly id: string;
  readonly reason: string;
}

/** What came of a job in a thread. */
export interface JobResult {
  /** Pictures that were decoded there and may be kept, by their places in the list of examples. */
  readonly decoded: ReadonlyMap<number, Picture>;
  readonly failed: readonly FailedView[];
}

/** The views of a batch, and what they are made of: plain data over shared memory. */
export interface Job {
  readonly views: readonly View[];
  /** By place in the list: pictures decoded before, or where they lie. */
  readonly pictures: ReadonlyMap<number, Picture | EncodedPicture | UnreadablePicture>;
  /** The next view that nobody works at; every thread takes from it. [1] */
  readonly next: Int32Array;
  /** Views, one after the other. [views, size, size, 3] */
  readonly rgb: Uint8Array;
}

/** Views at work in a thread at the same time: while one is decoded, another is augmented. */
export const lanes = 2;

/**
 * Makes views of a job until none is left that nobody works at. Those that show a picture that cannot be read are left out
 * and named.
 *
 * @throws UserError where the cache's copy of a picture is damaged
 */
export async function workAt(job: Job, { size, augment, room }: JobSettings): Promise<JobResult> {
  const kept = new Map<number, Picture>();
  const failed: FailedView[] = [];
  const decoded = async (example: number): Promise<Picture> => {
    const given = kept.get(example) ?? job.pictures.get(example)!;
    if ('reason' in given) throw new PictureError(given.id, given.reason);
    if (!('source' in given)) return given;
    const picture = await readPicture(given.source, given.id);
    const shared = sharedPicture(picture, room);
    if (shared) kept.set(example, shared);
    return picture;
  };
  const picturesOf = async (view: View, i: number): Promise<Map<number, Picture> | undefined> => {
    const shown = new Map<number, Picture>();
    for (const example of shownBy(view)) {
      try {
        shown.set(example, await decoded(example));
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        failed.push({ view: i, example, id: error.id, reason: error.reason });
        return undefined;
      }
    }
    return shown;
  };
  const lane = async () => {
    for (let i = Atomics.add(job.next, 0, 1); i < job.views.length; i = Atomics.add(job.next, 0, 1)) {
      const view = job.views[i]!;
      const [start, end] = [i * size * size * 3, (i + 1) * size * size * 3];
      const shown = await picturesOf(view, i);
      if (shown) job.rgb.set(drawView(view, shown, size, augment), start);
      else job.rgb.fill(0, start, end);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { decoded: kept, failed };
}

export const kibOf = ({ data }: Picture): number => Math.ceil(data.length / 1024);

/** A copy in memory that threads share, where there is room for it. */
export function sharedPicture(picture: Picture, room: Int32Array): Picture | undefined {
  const kib = kibOf(picture);
  if (Atomics.sub(room, 0, kib) < kib) {
    Atomics.add(room, 0, kib);
    return undefined;
  }
  const data = new Uint8Array(new SharedArrayBuffer(picture.data.length));
  data.set(picture.data);
  return { ...picture, data };
}
