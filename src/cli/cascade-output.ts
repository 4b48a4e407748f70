import { percent, textTable } from '../report/index.js';
import type { CascadeFigures, MeasuredStage, Tuned } from '../serve/index.js';

type AccuracyOf = (stage: MeasuredStage) => number;

/** A cascade and its models on the same pictures, in the names of the JSON output; shares are fractions. */
export function figures(stages: readonly MeasuredStage[], cascade: CascadeFigures, accuracyOf: AccuracyOf) {
  const last = stages.at(-1)!;
  return {
    pictures: last.labels.length,
    accuracy: cascade.accuracy,
    models: stages.map(accuracyOf),
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
  readonly latency_ms: readonly number[];
  readonly latency_behind_ms: readonly number[];
  readonly tuned_on: Figures;
  readonly held_out_figures: Figures;
  readonly calibration: readonly { readonly name: string; readonly before: number; readonly after: number }[];
}

/** What tuning found, for people. */
export function tunedText(json: TunedJson): string {
  const { stages, tuned_on, held_out_figures: held, latency_ms, latency_behind_ms, calibration } = json;
  const head = [
    '',
    `${json.split}, tuned on`,
    json.held_out,
    'ms a picture',
    'behind others',
    'threshold',
    'temperature',
    'ECE before',
    'after',
  ];
  const rows = stages.map(({ model, temperature, threshold }, s) => [
    model,
    `${percent(tuned_on.models[s]!)} %`,
    `${percent(held.models[s]!)} %`,
    latency_ms[s]!.toFixed(3),
    s > 0 ? latency_behind_ms[s]!.toFixed(3) : '',
    threshold?.toFixed(4) ?? '',
    temperature.toFixed(3),
    calibration[s]!.before.toFixed(3),
    calibration[s]!.after.toFixed(3),
  ]);
  const both = [
    'cascade',
    `${percent(tuned_on.accuracy)} %`,
    `${percent(held.accuracy)} %`,
    held.latency_ms.toFixed(3),
  ];
  const sent = stages
    .slice(1)
    .map(({ model }, s) => `${percent(held.seen[s + 1]!)} % of ${held.pictures} pictures to ${model}`);
  return [
    textTable([head, ...rows, [...both, '', '', '', '', '']]),
    `sent on by ${json.confidence}: ${sent.join(', ')}; ${percent(held.latency_of_last)} % of the last model’s time`,
    `${json.file}: for promptkd serve; ${json.chart}: the curves on ${json.held_out}`,
  ].join('\n');
}

/** Accuracy, share sent on and latency over the first threshold, what the threshold sends on shaded. */
export function charts(
  stages: readonly MeasuredStage[],
  tuned: Tuned,
  curve: readonly CascadeFigures[],
  accuracyOf: AccuracyOf,
) {
  const first = curve.map(({ thresholds }) => thresholds[0]!);
  const ends = [first[0]!, first.at(-1)!];
  const [student, teacher] = [stages[0]!, stages.at(-1)!];
  const line = (model: string, value: number) => ({ model, points: ends.map((x) => [x, value] as const) });
  const over = (value: (one: CascadeFigures) => number) => ({
    model: 'cascade',
    points: curve.map((one, i) => [first[i]!, value(one)] as const),
  });
  const tones = ['last alone', 'first alone', 'cascade'];
  return {
    title: `Cascade of ${stages.length} models over the threshold of its first`,
    curves: [
      {
        component: 'Top-1, %',
        series: [
          over(({ accuracy }) => accuracy * 100),
          line('first alone', accuracyOf(student) * 100),
          line('last alone', accuracyOf(teacher) * 100),
        ],
      },
      { component: 'Sent on, %', series: [over(({ seen }) => seen[1]! * 100)] },
      {
        component: 'Mean latency, ms a picture',
        series: [over(({ latencyMs }) => latencyMs), line('last alone', teacher.latencyMs)],
      },
    ],
    chartOptions: {
      unit: `threshold (${tuned.confidence})`,
      phases: [{ name: 'sent on', start: ends[0]!, end: tuned.thresholds[0]! }],
      tone: (model: string) => `tone-${tones.indexOf(model)}`,
    },
  };
}
