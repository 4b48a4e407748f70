import type { ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { type Evaluation, evaluateModel, harmonicInterval, imageLatency } from '../evaluate/index.js';
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

/** Measures all models on the test split of the same data, and their latencies in turn. */
export async function measure(
  contestants: readonly Contestant[],
  dataset: ImageTextDataset,
  templates: readonly string[],
  {
    onProgress,
    ...options
  }: Pick<CompileOptions, 'device' | 'threads'> & {
    readonly signal?: AbortSignal;
    /** @param what of which model */
    readonly onProgress?: (what: string, done: number, total: number) => void;
  },
): Promise<Measured[]> {
  const evaluations: Evaluation[] = [];
  for (const { name, model } of contestants) {
    const tell = (what: string, done: number, total: number) => onProgress?.(`${name}: ${what}`, done, total);
    evaluations.push(await evaluateModel(model, dataset, { ...options, templates, latencyRuns: 0, onProgress: tell }));
  }
  const times = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    onProgress?.('latency', round, rounds);
    for (const [i, { model }] of contestants.entries()) {
      times[i]!.push((await imageLatency(model, { ...options, runs: 30 })).medianMs);
    }
  }
  return contestants.map((contestant, i) => {
    const evaluation = evaluations[i]!;
    return { ...contestant, evaluation, summary: summarise(contestant, evaluation, median(times[i]!)) };
  });
}

function summarise(
  { name, role, model, imagesSeen, trainSeconds }: Contestant,
  e: Evaluation,
  latencyMs: number,
): ModelSummary {
  const { distinctRetrieval: retrieval, zeroShot } = e;
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
    base: e.baseNovel?.base,
    novel: e.baseNovel?.novel,
    harmonic: e.baseNovel && harmonicInterval(e.baseNovel.base, e.baseNovel.novel),
  };
}
