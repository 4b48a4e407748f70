import { type Bank, type BankClasses, BankImageEncoder, bankAnswer, bankClasses, isRouted } from '../bank/index.js';
import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { PixelBlocks } from '../loader/index.js';
import { selectRows } from '../math/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { SequenceTask } from './sequence-tasks.js';
import { partOfData } from './task-data.js';

/** How a bank does on the tasks of a sequence. */
export interface MeasuredTasks {
  /** Share of each task's images that is answered rightly. */
  readonly accuracy: readonly number[];
  /** Of each task that the bank has, the share of its images that is routed to it; null of others, and where nothing is routed. */
  readonly routed: readonly (number | null)[];
  readonly images: readonly number[];
}

const block = 64;

/**
 * Accuracy of a bank on each task's test images.
 *
 * @param tasks of the sequence, whether the bank has learned them or not
 * @param candidates whether answers are chosen among the classes of all tasks or of the image's own
 * @throws UserError where a task has no images in the split
 */
export async function measureTasks(
  bank: Bank,
  dataset: ImageTextDataset,
  tasks: readonly SequenceTask[],
  { split, candidates }: { readonly split: string; readonly candidates: 'all' | 'task' },
  options: Pick<CompileOptions, 'device' | 'threads'> & { readonly signal?: AbortSignal } = {},
): Promise<MeasuredTasks> {
  const { signal, ...engine } = options;
  const parts = tasks.map(({ artists, classes }) => {
    const part = partOfData(
      dataset,
      { dataset: dataset.name, split, artists: list(artists), classes: list(classes) },
      0,
    );
    return examplesOf(part, split).filter(isLabelled);
  });
  const ownLabels = parts.map((examples) => new Set(examples.map(({ label }) => label)));
  const labels = [...new Set(ownLabels.flatMap((own) => [...own]))].sort((a, b) => a - b);
  const all = await bankClasses(
    bank,
    labels.map((label) => dataset.classes[label]!.name),
    engine,
  );
  const encoder = await BankImageEncoder.open(bank, block, engine);
  const accuracy: number[] = [];
  const routed: (number | null)[] = [];
  const images: number[] = [];
  try {
    for (const [t, examples] of parts.entries()) {
      const places = candidates === 'all' ? [...labels.keys()] : placesOf(labels, ownLabels[t]!);
      const classes = candidates === 'all' ? all : someClasses(all, places);
      const home = bank.tasks.findIndex(({ name }) => name === tasks[t]!.name);
      const pixels = new PixelBlocks(dataset, examples, bank.frozen.preprocess, block);
      let [right, here, seen] = [0, 0, 0];
      for (let from = 0; from < examples.length; from += block) {
        signal?.throwIfAborted();
        const filled = await pixels.fill(from, block);
        const encoded = await encoder.run(pixels.pixels);
        for (let row = 0; row < filled; row++) {
          const answer = bankAnswer(bank, encoded, row, classes);
          const best = answer.indexOf(Math.max(...answer));
          if (labels[places[best]!] === pixels.kept[seen]!.label) right++;
          if (encoded.task[row] === home) here++;
          seen++;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      accuracy.push(right / seen);
      routed.push(home >= 0 && isRouted(bank) && bank.routing === 'nearest' ? here / seen : null);
      images.push(seen);
    }
  } finally {
    await encoder.dispose();
  }
  return { accuracy, routed, images };
}

const list = (names: readonly string[] | undefined) => names && [...names];

const placesOf = (labels: readonly number[], own: ReadonlySet<number>): number[] =>
  [...labels.keys()].filter((place) => own.has(labels[place]!));

const someClasses = ({ names, features, known }: BankClasses, places: readonly number[]): BankClasses => ({
  names: places.map((place) => names[place]!),
  features: features.map((rows) => selectRows(rows, places)),
  known: known.map((row) => places.map((place) => row[place]!)),
});
