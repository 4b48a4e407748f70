import { createHash } from 'node:crypto';
import { UserError } from '../../errors.js';
import { Random } from '../../math/index.js';
import type { Example, ImageTextDataset, Skipped } from '../dataset.js';
import { classCounts } from '../labels/class-counts.js';
import { mapParallel } from '../parallel.js';
import { isLabelled } from '../splits/examples-of.js';
import { type Finding, findFaults, type Seen } from './faults.js';

/** Options of {@link inspectDataset}. */
export interface InspectOptions {
  /** Most images that are decoded, drawn by lot where there are more. @defaultValue 20,000 */
  readonly limit?: number;
  /** Images a split whose captions are shown. @defaultValue 3 */
  readonly samples?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface SplitCounts {
  readonly images: number;
  /** Images whose class is known, and classes among them. */
  readonly labelled: number;
  readonly classes: number;
  /** Images with captions, and captions in all. */
  readonly captioned: number;
  readonly captions: number;
  readonly boxes: number;
}

/** Images a class in a split, over its classes. */
export interface Balance {
  readonly split: string;
  readonly least: { readonly name: string; readonly images: number };
  readonly median: number;
  readonly most: { readonly name: string; readonly images: number };
  /** Of the most and the least. */
  readonly ratio: number;
}

export interface Range {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

export interface Sample {
  readonly id: string;
  readonly split: string;
  readonly className?: string;
  readonly captions: readonly string[];
}

/** What a data set holds and what looks wrong with it, as plain data. */
export interface Inspection {
  readonly name: string;
  readonly fingerprint: string;
  readonly classes: number;
  readonly novel: number;
  readonly splits: Readonly<Record<string, SplitCounts>>;
  /** By which rule splits were made that the data does not name. */
  readonly dealt?: string;
  readonly balance: readonly Balance[];
  /** Images that were decoded. */
  readonly decoded: number;
  /** In pixels, as decoded: at most 512 a side. */
  readonly width: Range;
  readonly height: Range;
  readonly samples: readonly Sample[];
  /** What looks wrong, the gravest first. */
  readonly findings: readonly Finding[];
  readonly skipped: readonly Skipped[];
}

/**
 * Counts what a data set holds, decodes its images, and says what looks wrong.
 *
 * @throws the signal's reason where it is aborted
 */
export async function inspectDataset(dataset: ImageTextDataset, options: InspectOptions = {}): Promise<Inspection> {
  const { limit = 20_000, samples = 3, signal, onProgress } = options;
  const all = Object.entries(dataset.splits).flatMap(([split, own]) => own.map((example) => ({ split, example })));
  const chosen = all.length > limit ? new Random('inspect').shuffle(all).slice(0, limit) : all;
  let done = 0;
  const seen = await mapParallel(chosen, async ({ split, example }) => {
    signal?.throwIfAborted();
    const looked = await look(dataset, split, example);
    onProgress?.(++done, chosen.length);
    return looked;
  });
  const readable = seen.filter(({ fault }) => fault === undefined);
  return {
    name: dataset.name,
    fingerprint: dataset.fingerprint,
    classes: dataset.classes.length,
    novel: dataset.classes.filter(({ novel }) => novel).length,
    splits: Object.fromEntries(Object.entries(dataset.splits).map(([name, own]) => [name, counts(own)])),
    ...(dataset.dealt !== undefined && { dealt: dataset.dealt }),
    balance: Object.keys(dataset.splits).flatMap((split) => balance(dataset, split)),
    decoded: readable.length,
    width: range(readable.map(({ width }) => width)),
    height: range(readable.map(({ height }) => height)),
    samples: Object.entries(dataset.splits).flatMap(([split, own]) =>
      new Random('samples', split)
        .shuffle(own)
        .slice(0, samples)
        .map((example): Sample => {
          const { id, captions } = example;
          return {
            id,
            split,
            ...(isLabelled(example) && { className: dataset.classes[example.label]!.name }),
            captions,
          };
        }),
    ),
    findings: findFaults(dataset, all, seen),
    skipped: dataset.skipped,
  };
}

async function look(dataset: ImageTextDataset, split: string, example: Example): Promise<Seen> {
  try {
    const { width, height, channels, data } = await dataset.load(example);
    const hash = createHash('sha1').update(`${width} ${height} ${channels} `).update(data).digest('hex');
    return { split, example, hash, width, height };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { split, example, width: 0, height: 0, fault: error.message };
  }
}

function counts(examples: readonly Example[]): SplitCounts {
  const labelled = examples.filter(isLabelled);
  const sum = (of: (example: Example) => number) => examples.reduce((total, example) => total + of(example), 0);
  return {
    images: examples.length,
    labelled: labelled.length,
    classes: classCounts(examples).size,
    captioned: examples.filter(({ captions }) => captions.length > 0).length,
    captions: sum(({ captions }) => captions.length),
    boxes: sum(({ boxes }) => boxes?.length ?? 0),
  };
}

function balance(dataset: ImageTextDataset, split: string): Balance[] {
  const sorted = [...classCounts(dataset.splits[split]!)].sort(([a, m], [b, n]) => m - n || a - b);
  if (sorted.length === 0) return [];
  const named = ([label, count]: readonly [number, number]) => ({
    name: dataset.classes[label]!.name,
    images: count,
  });
  const [least, most] = [named(sorted[0]!), named(sorted.at(-1)!)];
  return [{ split, least, median: middle(sorted.map(([, n]) => n)), most, ratio: most.images / least.images }];
}

function range(values: number[]): Range {
  const sorted = values.sort((a, b) => a - b);
  return { least: sorted[0] ?? 0, median: middle(sorted), most: sorted.at(-1) ?? 0 };
}

const middle = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)] ?? 0;
