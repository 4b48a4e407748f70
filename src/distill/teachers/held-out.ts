import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { examplesOf, type ImageTextDataset, isLabelled, type LabelledExample } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { checksum, hash, jsonOrNothing, readSafetensors, writeSafetensors } from '../../files/index.js';
import { PixelBlocks } from '../../loader/index.js';
import { Random, type Rows, toUnitRows } from '../../math/index.js';
import { imagesAtATime, type Teacher } from '../teacher/teacher.js';

/** Labelled images of a split, at most so many, drawn by lot; of base classes alone. Empty where there are none. */
export function heldOutExamples(dataset: ImageTextDataset, split: string, most: number): LabelledExample[] {
  if (!split.split('+').every((part) => part in dataset.splits)) return [];
  const own = examplesOf(dataset, split)
    .filter(isLabelled)
    .filter(({ label }) => !dataset.classes[label]!.novel);
  if (own.length <= most) return own;
  const kept = new Set(new Random('held out', split).shuffle(own).slice(0, most));
  return own.filter((example) => kept.has(example));
}

/** A teacher's features of images that are not trained on, as they are, not augmented. */
export interface HeldOutFeatures {
  /** Unit rows. */
  readonly rows: Rows;
  /** The images of the rows: those that could be read. */
  readonly ids: readonly string[];
}

export interface HeldOutOptions {
  readonly dataset: ImageTextDataset;
  readonly examples: readonly LabelledExample[];
  /** Folder of the teacher's target store, where they are kept too. */
  readonly dir: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Has a teacher read held-out images, or reads what it made of them before: a file beside its target store, by a checksum of
 * teacher, preprocessing and images.
 *
 * @throws the signal's reason where it is aborted
 * @throws UserError where none of the images can be read
 */
export async function heldOutFeatures(teacher: Teacher, options: HeldOutOptions): Promise<HeldOutFeatures> {
  const { dataset, examples, dir } = options;
  const ids = examples.map(({ id }) => id);
  const made = [teacher.fingerprint(), JSON.stringify(teacher.preprocess), dataset.fingerprint, ids.join('\n')];
  const fingerprint = hash(made.join('\n'));
  const file = join(dir, `images-${fingerprint.slice(0, 12)}.safetensors`);
  const stored = readStored(file, fingerprint);
  if (stored) return stored;
  const features = await readImages(teacher, options);
  if (features.rows.count === 0) {
    throw new UserError(`${dataset.name}: none of the ${examples.length} held-out images can be read`);
  }
  const { data, count, width } = features.rows;
  const metadata = { fingerprint, features: checksum(data), ids: JSON.stringify(features.ids) };
  await writeSafetensors(file, { features: { shape: [count, width], data } }, { metadata });
  return features;
}

function readStored(file: string, fingerprint: string): HeldOutFeatures | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { tensors, metadata } = readSafetensors(file);
    const { features } = tensors;
    const ids = jsonOrNothing(metadata.ids);
    if (!features || !Array.isArray(ids) || metadata.fingerprint !== fingerprint) return undefined;
    const { shape, data } = features;
    if (shape[0] !== ids.length || checksum(data as Float32Array) !== metadata.features) return undefined;
    const [count, width] = shape as [number, number];
    return { rows: { data: data as Float32Array, count, width }, ids: ids as string[] };
  } catch (error) {
    if (error instanceof UserError) return undefined; // damaged
    throw error;
  }
}

async function readImages(teacher: Teacher, options: HeldOutOptions): Promise<HeldOutFeatures> {
  const { dataset, examples, signal, onProgress } = options;
  const batch = imagesAtATime(teacher.config);
  const blocks = new PixelBlocks(dataset, examples, teacher.preprocess, batch);
  const width = teacher.config.projection_dim;
  const data = new Float32Array(examples.length * width);
  const pass = await teacher.images(batch, { hidden: [], attention: [] });
  let rows = 0;
  try {
    for (let from = 0; from < examples.length; from += batch) {
      signal?.throwIfAborted();
      const filled = await blocks.fill(from, Math.min(batch, examples.length - from));
      const { embed } = await pass.run(blocks.pixels);
      data.set((embed!.data as Float32Array).subarray(0, filled * width), rows * width);
      rows += filled;
      onProgress?.(Math.min(from + batch, examples.length), examples.length);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await pass.dispose();
  }
  const found = { data: data.slice(0, rows * width), count: rows, width };
  return { rows: toUnitRows(found), ids: blocks.kept.map(({ id }) => id) };
}
