import type { Bank, ReplayImages } from '../bank/index.js';
import type { PreprocessConfig } from '../clip/index.js';
import { type Example, fewShot, type ImageTextDataset, type LabelledExample } from '../data/index.js';
import { UserError } from '../errors.js';
import { squareRgb, wholeImage } from '../loader/index.js';

/**
 * A few images of each class, as squares of the student's size.
 *
 * @param labelled of the task; its labels are places of its classes
 * @param preprocess the student's
 */
export async function keepImages(
  dataset: ImageTextDataset,
  labelled: readonly LabelledExample[],
  perClass: number,
  preprocess: PreprocessConfig,
  seed: number,
): Promise<ReplayImages> {
  const side = preprocess.size;
  const squares: Uint8Array[] = [];
  const labels: number[] = [];
  const known = new Map(Object.values(dataset.splits).flatMap((all) => all.map((one) => [one.id, one] as const)));
  for (const { id, label } of fewShot(labelled, perClass, seed)) {
    const square = await wholeImage(dataset, known.get(id)!).then(
      (image) => squareRgb(image, preprocess),
      (error: unknown) => {
        // What cannot be read is told where it is trained on.
        if (error instanceof UserError) return undefined;
        throw error;
      },
    );
    if (!square) continue;
    squares.push(square);
    labels.push(label);
  }
  const pixels = new Uint8Array(squares.length * 3 * side * side);
  for (const [i, square] of squares.entries()) pixels.set(square, i * square.length);
  return { pixels, side, labels };
}

/** Images of earlier tasks as a data set; labels are places of their classes in `names`. */
export function replayData({ tasks }: Bank, names: readonly string[]): ImageTextDataset | undefined {
  const places = new Map(names.map((name, place) => [name, place]));
  const all: LabelledExample[] = [];
  const squares = new Map<string, { readonly data: Uint8Array; readonly side: number }>();
  for (const task of tasks) {
    const { replay } = task;
    if (!replay) continue;
    const size = 3 * replay.side ** 2;
    for (const [i, label] of replay.labels.entries()) {
      const id = `${task.name}/${i}`;
      all.push({ id, label: places.get(task.classes[label]!)!, captions: [] });
      squares.set(id, { data: replay.pixels.subarray(i * size, (i + 1) * size), side: replay.side });
    }
  }
  if (all.length === 0) return undefined;
  return {
    name: 'replay',
    classes: names.map((name) => ({ name, novel: false })),
    splits: { train: all },
    load: async ({ id }: Example) => {
      const { data, side } = squares.get(id)!;
      return { width: side, height: side, channels: 3, data };
    },
    fingerprint: tasks.map(({ name }) => name).join(),
    skipped: [],
  };
}
