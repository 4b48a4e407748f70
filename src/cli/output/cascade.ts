import { wilson } from '../../math/index.js';
import { type Interval, milliseconds, percent, type Tradeoff, textTable } from '../../report/index.js';
import type { CascadeFigures, MeasuredStage, Tuned } from '../../serve/index.js';

type AccuracyOf = (stage: MeasuredStage) => number;

/** What was asked for, as it is measured on the images that thresholds were tuned on. */
export type TuneTarget = { readonly accuracy: number } | { readonly latencyMs: number };

/** A share of some images with its 95 % interval. */
const shareOf = (share: number, images: number): Interval => wilson(Math.round(share * images), images);
const bounds = ({ low, high }: Interval) => [low, high] as const;

/** A cascade and its models on the same images, in the names of the JSON output; shares are fractions. */
export function figures(stages: readonly MeasuredStage[], cascade: CascadeFigures, accuracyOf: AccuracyOf) {
  const last = stages.at(-1)!;
  const { length: images } = last.labels;
  const models = stages.map(accuracyOf);
  return {
    images,
    accuracy: cascade.accuracy,
    accuracy_interval: bounds(shareOf(cascade.accuracy, images)),
    models,
    model_intervals: models.map((accuracy) => bounds(shareOf(accuracy, images))),
    seen: cascade.seen,
    latency_ms: cascade.latencyMs,
    latency_of_last: cascade.latencyMs / last.latencyMs,
  };
}

type Figures = ReturnType<typeof figures>;

export interface TunedJson {
  readonly file: string;
  readonly chart: string;
  readonly confidence: string;
  readonly stages: readonly { readonly model: string; readonly temperature: number; readonly threshold?: number }[];
  readonly data: string;
  readonly split: string;
  readonly held_out: string;
  readonly batch: number;
  /** What all latencies are. */
  readonly latency: string;
  /** Of each model alone. */
  readonly latency_ms: readonly number[];
  /** What each stage adds for an image that reaches it. */
  readonly latency_added_ms: readonly number[];
  readonly target: TuneTarget;
  readonly tuned_on: Figures;
  readonly held_out_figures: Figures;
  readonly calibration: readonly { readonly name: string; readonly before: number; readonly after: number }[];
}

/** What tuning found, for people, in 80 columns where model names are short. */
export function tunedText(json: TunedJson): string {
  const { stages, tuned_on: tuned, held_out_figures: held, latency_ms, latency_added_ms, calibration } = json;
  const range = ([low, high]: readonly [number, number]) => `(${percent(low)}–${percent(high)})`;
  const rows = stages.map(({ model }, s) => [
    model,
    percent(tuned.models[s]!),
    `${percent(held.models[s]!)} ${range(held.model_intervals[s]!)}`,
    milliseconds(latency_ms[s]!),
  ]);
  const cascade = [
    'cascade',
    percent(tuned.accuracy),
    `${percent(held.accuracy)} ${range(held.accuracy_interval)}`,
    milliseconds(held.latency_ms),
  ];
  const settings = stages.map(({ model, temperature, threshold }, s) => [
    model,
    threshold?.toFixed(4) ?? '–',
    temperature.toFixed(3),
    `${calibration[s]!.before.toFixed(3)} → ${calibration[s]!.after.toFixed(3)}`,
    `${percent(held.seen[s]!)} %`,
    milliseconds(latency_added_ms[s]!),
  ]);
  return [
    textTable([['top-1, %', json.split, `${json.held_out} (95 % interval)`, 'latency'], ...rows, cascade]),
    '',
    textTable([['stage', 'threshold', 'temperature', 'ECE', 'images', 'adds'], ...settings]),
    '',
    `confidence: ${json.confidence}; an image goes on to the next stage below the threshold`,
    `latency: ${json.latency}${json.batch > 1 ? `, ${json.batch} at a time` : ''}; of the cascade, the sum over`,
    `  its stages of the share of the images that a stage sees × what it adds`,
    `  ${percent(held.latency_of_last)} % of ${stages.at(-1)!.model} alone on ${json.held_out}`,
    kept(json),
    ...doubt(json),
    '',
    `cascade  ${json.file} (start it: promptkd serve ${json.file})`,
    `plot     ${json.chart} (top-1 over latency on ${json.held_out})`,
  ].join('\n');
}

/** Whether what was asked for holds, where it was tuned and where it was not. */
function kept({ target, split, held_out, tuned_on: tuned, held_out_figures: held }: TunedJson): string {
  if ('latencyMs' in target) {
    const there = held.latency_ms <= target.latencyMs ? '' : ', above it';
    return `limit: at most ${milliseconds(target.latencyMs)}: ${milliseconds(tuned.latency_ms)} on ${split}, ${milliseconds(held.latency_ms)} on ${held_out}${there}`;
  }
  const there = held.accuracy >= target.accuracy ? '' : ', below it';
  return `target: top-1 of at least ${percent(target.accuracy)} %: ${percent(tuned.accuracy)} % on ${split}, ${percent(held.accuracy)} % on ${held_out}${there}`;
}

/** Intervals of top-1 that are wider than this say too little to choose thresholds by. */
const wide = 0.2;

/** A warning where thresholds and temperatures were fitted on too few images. */
function doubt({ split, tuned_on: { images, accuracy_interval } }: TunedJson): string[] {
  const [low, high] = accuracy_interval;
  if (high - low <= wide) return [];
  return [
    `warning: tuned on ${images} ${images === 1 ? 'image' : 'images'} of ${split} alone, where top-1 is known to lie in`,
    `  ${percent(low)}–${percent(high)} %: thresholds and temperatures may not hold on others; tune on more images`,
  ];
}

/** Top-1 over latency at all thresholds of the first stage, with the point that was chosen and its limit. */
export function tradeoff(
  json: TunedJson,
  stages: readonly MeasuredStage[],
  tuned: Tuned,
  chosen: CascadeFigures,
  curves: { readonly heldOut: readonly CascadeFigures[]; readonly tunedOn: readonly CascadeFigures[] },
  accuracyOf: AccuracyOf,
): Tradeoff {
  const images = stages[0]!.labels.length;
  const point = ({ accuracy, latencyMs }: CascadeFigures) => ({ latencyMs, top1: shareOf(accuracy, images) });
  const { held_out, split, latency, stages: settings, target } = json;
  const onTuned = ({ accuracy, latencyMs }: CascadeFigures) => ({
    latencyMs,
    top1: shareOf(accuracy, json.tuned_on.images),
  });
  return {
    title: `Cascade of ${stages.length} models on ${held_out}`,
    latency: `latency: ${latency}`,
    curve: curves.heldOut.map(point),
    tunedOn: { name: `tuned on ${split}`, curve: curves.tunedOn.map(onTuned) },
    models: stages.map((stage, s) => ({
      name: `${shortName(settings[s]!.model)} alone`,
      latencyMs: stage.latencyMs,
      top1: shareOf(accuracyOf(stage), images),
    })),
    chosen: { ...point(chosen), name: `chosen: threshold ${tuned.thresholds.map((t) => t.toFixed(3)).join(', ')}` },
    limit:
      'latencyMs' in target
        ? { latencyMs: target.latencyMs, name: `limit ${milliseconds(target.latencyMs)}` }
        : { accuracy: target.accuracy, name: `target ${percent(target.accuracy)} % on ${split}` },
  };
}

/** The last part of a folder or a hub id. */
const shortName = (model: string) => model.split(/[\\/]/).findLast((part) => part !== '') ?? model;
