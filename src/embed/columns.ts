import { stat } from 'node:fs/promises';
import type { Example, ImageTextDataset } from '../data/index.js';

/** What is kept of an embedded image beside its embedding. The names `image_path` and `caption` are clip-retrieval's. */
export interface EmbeddedRecord {
  /** Unique together with `dataset`. */
  readonly id: string;
  readonly dataset: string;
  /** Its file; its id where it has none of its own, as in an archive. */
  readonly image_path: string;
  /** Size and time of change of its file, by which a changed image is told; undefined where it has no file of its own. */
  readonly image_stamp?: string;
  /** Its first caption, which the text embedding is of; empty where it has none. */
  readonly caption: string;
  /** All captions, a JSON list. */
  readonly captions: string;
  readonly split: string;
  /** The name of its class. */
  readonly class?: string;
  readonly artist?: string;
}

/** What is known of an image of a data set. */
export function recordOf(
  dataset: ImageTextDataset,
  example: Example,
  split: string,
  stamp: string | undefined,
): EmbeddedRecord {
  const source = dataset.source?.(example);
  return {
    id: example.id,
    dataset: dataset.name,
    image_path: source && !source.part ? source.file : example.id,
    image_stamp: stamp,
    caption: example.captions[0] ?? '',
    captions: JSON.stringify(example.captions),
    split,
    class: example.label === undefined ? undefined : dataset.classes[example.label]!.name,
    artist: example.artist,
  };
}

/** By what an image is known to be there already. */
export const keyOf = ({ dataset, id }: Pick<EmbeddedRecord, 'dataset' | 'id'>): string => `${dataset}\n${id}`;

/**
 * The bytes and the time of change of an image's file: another one under the same name has another stamp, as rsync has it.
 *
 * @returns undefined where the image has no file of its own, or it is not there
 */
export async function stampOf(dataset: ImageTextDataset, example: Example): Promise<string | undefined> {
  const source = dataset.source?.(example);
  if (!source || source.part) return undefined;
  const found = await stat(source.file).catch(() => undefined);
  return found && `${found.size} ${Math.round(found.mtimeMs)}`;
}
