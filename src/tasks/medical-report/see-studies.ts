import type { RawImage, Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { wholeImage } from '../../loader/index.js';
import type { Analyser, Seen } from './analyse.js';
import type { Studies, Study } from './data/study.js';

export interface SeeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void | Promise<void>;
}

/** Studies at a time. */
const block = 32;

/**
 * What a model sees of each study. A view that cannot be read is left out and listed; so is a study without any that can.
 *
 * @param keep takes what is to be kept of a study: all of it would be much
 * @throws the signal's reason where it is aborted
 */
export async function seeStudies(
  analyser: Analyser,
  { dataset }: Pick<Studies, 'dataset'>,
  studies: readonly Study[],
  keep: (study: Study, seen: Seen) => void,
  { signal, onProgress }: SeeOptions = {},
): Promise<Skipped[]> {
  const skipped: Skipped[] = [];
  for (let from = 0; from < studies.length; from += block) {
    signal?.throwIfAborted();
    const some = studies.slice(from, from + block);
    const read = await Promise.all(
      some.map(async (study) => {
        const images: RawImage[] = [];
        for (const example of study.images) {
          try {
            images.push(await wholeImage(dataset, example));
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
            skipped.push({ id: example.id, reason: error.message });
          }
        }
        return { study, images };
      }),
    );
    const readable = read.filter(({ images }) => images.length > 0);
    for (const { study, images } of read) {
      if (images.length === 0) skipped.push({ id: study.id, reason: 'none of its images can be read' });
    }
    const seen = await analyser.see(readable.map(({ images }) => images));
    for (const [i, { study }] of readable.entries()) keep(study, seen[i]!);
    await onProgress?.(Math.min(from + block, studies.length), studies.length);
    // The runtime blocks this thread: let Ctrl-C and progress through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return skipped;
}
