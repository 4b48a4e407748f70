import {
  examplesOf,
  type ImageTextDataset,
  isLabelled,
  type LabelledExample,
  type RawImage,
} from '../../data/index.js';
import { UserError } from '../../errors.js';
import { candidateClasses } from '../../evaluate/index.js';
import { wholeImage } from '../../loader/index.js';
import { median } from '../../math/index.js';
import { dataTemplates } from '../../prompt/index.js';
import type { Encoder, ImageInput } from '../encoder/index.js';
import { Prepared } from '../prepared.js';
import type { Stage } from './cascade.js';
import { encoderStage } from './encoder-stage.js';
import type { MeasuredStage } from './tune.js';

/** Options of {@link measureStages}. */
export interface MeasureOptions {
  readonly split: string;
  /** @defaultValue `stageTemplates` */
  readonly templates?: readonly string[];
  /** Images at a time where the latency is timed. @defaultValue 1 */
  readonly batch?: number;
  /** Timed runs. @defaultValue 60 */
  readonly runs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (phase: string, done: number, total: number) => void;
}

/** Images between two reports; all are held decoded, and a photo takes 36 MB. */
const block = 8;

/**
 * Asks each model alone for all images of a split whose class is known, among the classes that fit the split, and times
 * it (see {@link latencyMeaning}): the median over runs of what it takes from `batch` decoded images to their logits,
 * divided by their number, alone and behind the models before it. The first has none before it: both are the same time.
 *
 * @throws UserError where no image of the split has a class, or one cannot be read
 */
export async function measureStages(
  models: readonly { readonly name: string; readonly encoder: Encoder }[],
  dataset: ImageTextDataset,
  { split, templates, batch = 1, runs = 60, signal, onProgress }: MeasureOptions,
): Promise<MeasuredStage[]> {
  const examples: LabelledExample[] = examplesOf(dataset, split).filter(isLabelled);
  if (examples.length === 0)
    throw new UserError(
      `${dataset.name}: no image of the split ${split} has a class: a cascade is tuned and measured by labels; give data that has some`,
    );
  const candidates = candidateClasses(dataset, examples);
  const row = new Map(candidates.map((label, i) => [label, i]));
  const classes = candidates.map((label) => dataset.classes[label]!.name);
  const labels = examples.map(({ label }) => row.get(label)!);
  const measured: MeasuredStage[] = [];
  const stages: Stage<ImageInput>[] = [];
  for (const { name, encoder } of models) {
    const stage = await encoderStage(name, encoder, {
      classes,
      templates: stageTemplates(encoder, dataset, templates),
    });
    stages.push(stage);
    const logits: ArrayLike<number>[] = [];
    for (let from = 0; from < examples.length; from += block) {
      signal?.throwIfAborted();
      const images = await Promise.all(
        examples.slice(from, from + block).map((example) => wholeImage(dataset, example)),
      );
      logits.push(...(await stage.logits(images)));
      onProgress?.(`${name} on ${split}`, logits.length, examples.length);
    }
    measured.push({ name, scoring: stage.scoring, logits, labels, latencyMs: 0, behindMs: 0 });
  }
  if (runs === 0) return measured;
  const images = await Promise.all(examples.slice(0, batch).map((example) => wholeImage(dataset, example)));
  const times = await timed(stages, images, runs, signal);
  return measured.map((stage, s) => ({ ...stage, ...times[s]! }));
}

/** Class templates of a stage: those given, those that its model was trained with, or the data's. */
export function stageTemplates(
  { info }: Pick<Encoder, 'info'>,
  dataset: Pick<ImageTextDataset, 'kind'>,
  given?: readonly string[],
): readonly string[] {
  return given ?? info.templates ?? dataTemplates(dataset);
}

/** Milliseconds per image, the models in turn, so that what else the machine does meets them alike. */
async function timed(
  stages: readonly Stage<ImageInput>[],
  images: readonly RawImage[],
  runs: number,
  signal?: AbortSignal,
): Promise<Pick<MeasuredStage, 'latencyMs' | 'behindMs'>[]> {
  const warmUp = 5;
  const times = stages.map(() => ({ alone: [] as number[], behind: [] as number[] }));
  for (let run = 0; run < warmUp + runs; run++) {
    signal?.throwIfAborted();
    const shared = new Prepared();
    for (const [s, stage] of stages.entries()) {
      const ways = [['alone', s === 0 ? shared : new Prepared()] as const, ['behind', shared] as const];
      for (const [way, prepared] of s === 0 ? ways.slice(0, 1) : ways) {
        const start = performance.now();
        await stage.logits(images, signal, prepared);
        if (run >= warmUp) times[s]![way].push((performance.now() - start) / images.length);
      }
    }
    // Lets Ctrl-C through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times.map(({ alone, behind }, s) => ({
    latencyMs: median(alone),
    behindMs: median(s === 0 ? alone : behind),
  }));
}
