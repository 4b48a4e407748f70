import { type Bank, bankModel, isRouted } from '../bank/index.js';
import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { classFeatures, type EmbedOptions, embedImages, embedTexts, topClasses } from '../evaluate/index.js';
import { type Rows, selectRows } from '../math/index.js';
import { logitFactor, type Model } from '../model/index.js';
import { classText } from '../prompt/index.js';
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
  options: EmbedOptions = {},
): Promise<MeasuredTasks> {
  const { signal: _, onProgress: __, ...engine } = options;
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
  const model = await bankModel(bank, engine);
  try {
    const images = await embedImages(model, dataset, parts.flat(), options);
    const names = labels.map((label) => dataset.classes[label]!.name);
    const all = knownClasses(bank, names) ?? (await classRows(model, names, bank.templates, options));
    const factor = logitFactor(model);
    const routes = isRouted(bank) && bank.routing === 'nearest';
    const rows = new Map(images.examples.map((example, row) => [example, row]));
    const measured = parts.map((examples, t) => {
      const places = [...labels.keys()].filter((place) => candidates === 'all' || ownLabels[t]!.has(labels[place]!));
      const some = selectRows(all, places);
      const own = places.map((place) => labels[place]!);
      const home = bank.tasks.findIndex(({ name }) => name === tasks[t]!.name);
      let [right, here, seen] = [0, 0, 0];
      for (const example of examples) {
        const row = rows.get(example);
        if (row === undefined) continue;
        const [best] = topClasses(images.rows, row, some, own, factor, 1);
        if (best!.label === example.label) right++;
        if (routes && blockOf(images.rows, row, bank.frozen.config.projection_dim) === home) here++;
        seen++;
      }
      if (seen === 0) {
        throw new UserError(`${dataset.name}/${split}: no image of the task "${tasks[t]!.name}" can be read`);
      }
      return { accuracy: right / seen, routed: routes && home >= 0 ? here / seen : null, images: seen };
    });
    return {
      accuracy: measured.map((one) => one.accuracy),
      routed: measured.map((one) => one.routed),
      images: measured.map((one) => one.images),
    };
  } finally {
    await model.encoders?.dispose();
  }
}

/** The block of a wide embedding that is not 0: the place of the image's task, see `wideImages`. */
function blockOf({ data, width }: Rows, row: number, block: number): number {
  const own = data.subarray(row * width, (row + 1) * width);
  return Math.floor(own.findIndex((value) => value !== 0) / block);
}

async function classRows(model: Model, names: readonly string[], templates: readonly string[], options: EmbedOptions) {
  const texts = names.flatMap((name) => templates.map((template) => classText(template, name)));
  const rows = await embedTexts(model, texts, options);
  const { length } = templates;
  return classFeatures(
    rows,
    names.map((_, c) => templates.map((_, k) => c * length + k)),
  );
}

/** The class features of a visual student, which reads no texts. */
function knownClasses({ frozen }: Bank, names: readonly string[]): Rows | undefined {
  if (!frozen.projector) return undefined;
  const { names: known, features } = frozen.classes!;
  const width = features.shape[1]!;
  return selectRows(
    { data: features.data, count: known.length, width },
    names.map((name) => {
      const row = known.indexOf(name);
      if (row >= 0) return row;
      throw new UserError(`"${name}" is none of the ${known.length} classes that the visual student knows`);
    }),
  );
}

const list = (names: readonly string[] | undefined) => names && [...names];
