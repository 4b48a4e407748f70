import { textTable } from '../../report/index.js';
import type { SweepResult, TrialResult } from '../../sweep/index.js';

/** A line a trial: its values, its measure over the seeds as mean ± deviation, and why there is none. */
export function sweepTable({ trials, measure, seeds, rungs }: SweepResult): string {
  const fields = Object.keys(trials[0]!.values);
  const head = ['trial', ...fields, ...(rungs.length > 0 ? ['trained'] : []), measure, 'time'];
  const rows = trials.map((one) => [
    String(one.trial),
    ...fields.map((field) => text(one.values[field])),
    ...(rungs.length > 0 ? [String(one.steps)] : []),
    figure(one),
    `${Math.round(one.runs.reduce((sum, { seconds }) => sum + seconds, 0))} s`,
  ]);
  const faults = trials.flatMap(({ trial, runs }) =>
    runs.flatMap(({ seed, fault }) => (fault === undefined ? [] : [`trial ${trial}, seed ${seed}: ${fault}`])),
  );
  const over = seeds.length > 1 ? [`${measure}: mean ± standard deviation over ${seeds.length} seeds`] : [];
  return [textTable([head, ...rows]), ...over, ...faults].join('\n');
}

function figure({ mean, deviation }: TrialResult): string {
  if (mean === undefined) return '–';
  return deviation === undefined ? digits(mean) : `${digits(mean)} ± ${digits(deviation)}`;
}

const digits = (value: number) => String(Number(value.toPrecision(4)));
const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 40);
