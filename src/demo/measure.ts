import { examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Evaluation, evaluateModel, harmonicInterval, imageLatency, type Retrieval } from '../evaluate/index.js';
import { median } from '../math/index.js';
import { parameterCount, type TowerModel } from '../model/index.js';
import type { ModelSummary } from '../report/index.js';
import type { CompileOptions } from '../runtime/index.js';

/** A model that takes part in the comparison. */
export interface Contestant {
  readonly name: string;
  readonly role: ModelSummary['role'];
  readonly model: TowerModel;
  readonly imagesSeen?: number;
  readonly trainSeconds?: number;
}

export interface Measured extends Contestant {
  readonly evaluation: Evaluation;
  readonly summary: ModelSummary;
}

/** Rounds of latency; in each, every model is timed once, so that a busy moment does not hit one model alone. */
const rounds = 5;

/** What all are measured on. */
export interface Measures {
  /** Its classes are told apart, by these templates. */
  readonly dataset: ImageTextDataset;
  readonly templates: readonly string[];
  /** Of retrieval, each caption being a text; left out: those of `dataset`, where many images have equal ones. */
  readonly captions?: ImageTextDataset;
}

/** Which split. */
const split = 'test';

/**
 * Says before any training what could not be measured after it.
 *
 * @throws UserError for data without images of a known class, or without captions
 */
export function checkMeasures({ dataset, captions }: Pick<Measures, 'dataset' | 'captions'>): void {
  if (!examplesOf(dataset, split).some(isLabelled))
    throw new UserError(`${dataset.name}: expected images whose class is known in the split ${split}, to measure on`);
  if (captions && !examplesOf(captions, split).some((example) => example.captions.length > 0))
    throw new UserError(`${captions.name}: expected captions in the split ${split}, to measure retrieval by`);
}

/** Without the other splits, as images of novel classes say nothing of retrieval. */
const testOnly = (dataset: ImageTextDataset): ImageTextDataset => ({
  ...dataset,
  splits: { [split]: examplesOf(dataset, split) },
});

/** Measures all models on the test split of the same data, and their latencies in turn. */
export async function measure(
  contestants: readonly Contestant[],
  { dataset, templates, captions }: Measures,
  {
    onProgress,
    ...options
  }: Pick<CompileOptions, 'device' | 'threads'> & {
    readonly signal?: AbortSignal;
    /** @param what of which model */
    readonly onProgress?: (what: string, done: number, total: number) => void;
  },
): Promise<Measured[]> {
  const evaluations: { readonly classes: Evaluation; readonly retrieval?: Retrieval }[] = [];
  for (const { name, model } of contestants) {
    const tell = (what: string, done: number, total: number) => onProgress?.(`${name}: ${what}`, done, total);
    const shared = { ...options, split, latencyRuns: 0, onProgress: tell };
    const classes = await evaluateModel(model, dataset, { ...shared, templates });
    const own = captions && (await evaluateModel(model, testOnly(captions), shared));
    evaluations.push({ classes, retrieval: own ? own.retrieval : classes.distinctRetrieval });
  }
  const times = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    onProgress?.('latency', round, rounds);
    for (const [i, { model }] of contestants.entries()) {
      times[i]!.push((await imageLatency(model, { ...options, runs: 30 })).medianMs);
    }
  }
  return contestants.map((contestant, i) => {
    const { classes: evaluation, retrieval } = evaluations[i]!;
    return { ...contestant, evaluation, summary: summarise(contestant, evaluation, retrieval, median(times[i]!)) };
  });
}

function summarise(
  { name, role, model, imagesSeen, trainSeconds }: Contestant,
  e: Evaluation,
  retrieval: Retrieval | undefined,
  latencyMs: number,
): ModelSummary {
  const { zeroShot } = e;
  if (!retrieval || !zeroShot) throw new UserError(`${e.data}: expected classes and captions on the split ${e.split}`);
  return {
    name,
    role,
    top1: zeroShot.top1,
    top5: zeroShot.top5,
    r1ImageToText: retrieval.imageToText.r1,
    r1TextToImage: retrieval.textToImage.r1,
    params: parameterCount(model)!,
    bytes: model.source!.bytes,
    latencyMs,
    imagesSeen,
    trainSeconds,
    novel: e.baseNovel?.novel,
    harmonic: e.baseNovel && harmonicInterval(e.baseNovel.base, e.baseNovel.novel),
  };
}
