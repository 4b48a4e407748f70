import { resolve } from 'node:path';
import { decodeImage, type Example, type ImageTextDataset, pathBelow } from '../../../data/index.js';
import { hash } from '../../../files/index.js';
import type { Question } from './question.js';

/**
 * The images that questions name, as a data set that reads them when they are asked for: one that is not there is skipped
 * and counted then.
 *
 * @param root the folder that they lie in, and must not lead out of
 * @param fileOf path of an image below the root, by its id
 */
export function fileImages(
  name: string,
  root: string,
  splits: Readonly<Record<string, readonly Question[]>>,
  fileOf: (id: string) => string = (id) => id,
): ImageTextDataset {
  const seen = new Set<string>();
  const examples = Object.entries(splits).map(([split, questions]): [string, Example[]] => [
    split,
    questions.flatMap(({ image }) => {
      if (seen.has(image)) return [];
      seen.add(image);
      return [{ id: image, captions: [] }];
    }),
  ]);
  const source = ({ id }: Example) => ({ file: resolve(root, fileOf(id)) });
  return {
    ...{ name, classes: [], splits: Object.fromEntries(examples), skipped: [], source },
    load: (example) => decodeImage(source(example).file, example.id),
    fingerprint: `files-${hash([...seen].sort().join('\n')).slice(0, 16)}`,
  };
}

/** Whether a path leads out of a folder. */
export const leadsOut = (root: string, path: string): boolean => pathBelow(root, path) === undefined;
