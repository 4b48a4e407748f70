import { type JobRecord, type JobSet, resultField } from '../../jobs/index.js';

/** Longest call that is shown whole. */
const callColumns = 60;

/** A line a job, and the mean of each field that is a number everywhere. */
export function jobTable({ jobs }: JobSet, records: readonly JobRecord[], fields: readonly string[]): string {
  const byJob = new Map(records.map((record) => [record.job, record]));
  const differing = differingArgs(jobs);
  const rows = jobs.map((args, i) => {
    const record = byJob.get(i + 1);
    const attempts = record?.attempts ?? [];
    const seconds = attempts.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
    const last = attempts.at(-1);
    const shown = fields.map((field) => show(resultField(record?.result, field)));
    const own = differing.map((at) => args[at] ?? '').join(' ') || args.join(' ');
    const what = record?.state === 'failed' ? (last?.message ?? `exit code ${last?.code ?? last?.signal}`) : '';
    return [
      String(i + 1),
      record?.state ?? 'waiting',
      `${attempts.length}×`,
      `${seconds.toFixed(1)} s`,
      ...shown,
      `${own.slice(0, callColumns)}${what && `  ${what}`}`,
    ];
  });
  const head = ['job', 'state', 'tried', 'time', ...fields, 'call'];
  const means = fields.map((field) => {
    const values = jobs.map((_, i) => resultField(byJob.get(i + 1)?.result, field));
    const numbers = values.filter((value) => typeof value === 'number');
    return numbers.length > 0 && numbers.length === values.length
      ? show(numbers.reduce((sum, value) => sum + value, 0) / numbers.length)
      : '–';
  });
  const all = [head, ...rows, ...(fields.length > 0 ? [['', 'mean', '', '', ...means, '']] : [])];
  const widths = head.map((_, c) => Math.max(...all.map((row) => (c === head.length - 1 ? 0 : row[c]!.length))));
  return all
    .map((row) =>
      row
        .map((cell, c) => cell.padEnd(widths[c]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Which arguments tell the jobs apart. */
function differingArgs(jobs: readonly (readonly string[])[]): number[] {
  const longest = Math.max(...jobs.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => i).filter((i) => new Set(jobs.map((args) => args[i])).size > 1);
}

function show(value: unknown): string {
  if (value === undefined) return '–';
  return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value).slice(0, 40);
}
