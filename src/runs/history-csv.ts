import type { HistoryEntry } from '../train/index.js';

/** A history as CSV (RFC 4180), a row a step; what a step has no value for is empty. */
export function historyCsv(entries: readonly HistoryEntry[]): string {
  const losses = namesOf(entries, ({ losses: of }) => of);
  const measured = namesOf(entries, ({ evaluation = {} }) => evaluation);
  const head = [
    ...['step', 'phase', 'seconds', 'learning_rate', 'gradient_norm', 'images_per_second'],
    ...losses.map((name) => `loss.${name}`),
    ...measured.map((name) => `evaluation.${name}`),
  ];
  const rows = entries.map((entry) => [
    ...[entry.step, entry.phase, entry.seconds, entry.learning_rate, entry.gradient_norm, entry.images_per_second],
    ...losses.map((name) => entry.losses[name]),
    ...measured.map((name) => (entry.evaluation as Readonly<Record<string, unknown>> | undefined)?.[name]),
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

const namesOf = (entries: readonly HistoryEntry[], of: (entry: HistoryEntry) => object) => [
  ...new Set(entries.flatMap((entry) => Object.keys(of(entry)))),
];

function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
