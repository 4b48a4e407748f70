import type { Interval, ModelSummary } from './data.js';
import { bytes, count, duration, percent } from './numbers.js';
import { textTable } from './text-table.js';

/** The comparison as plain text for a terminal, one column a model. */
export function summaryTable(models: readonly ModelSummary[]): string {
  const teacher = models.find((m) => m.role === 'teacher');
  const rows: string[][] = [['', ...models.map((m) => m.name)]];
  const row = (name: string, cell: (m: ModelSummary) => string | undefined) => {
    const cells = models.map(cell);
    if (cells.some((text) => text !== undefined)) rows.push([name, ...cells.map((text) => text ?? '–')]);
  };
  const accuracy = (name: string, of: (m: ModelSummary) => Interval) => {
    row(name, (m) => `${percent(of(m).value)} % (${percent(of(m).low)}–${percent(of(m).high)})`);
    if (teacher)
      row('  of teacher', (m) => (m === teacher ? undefined : `${percent(of(m).value / of(teacher).value)} %`));
  };
  const share = (fraction: number | undefined) => (fraction === undefined ? undefined : `${percent(fraction)} %`);
  const times = (m: ModelSummary, of: (m: ModelSummary) => number) =>
    teacher && m !== teacher ? ` (${((of(m) / of(teacher)) * 100).toFixed(1)} %)` : '';
  accuracy('top-1', (m) => m.top1);
  accuracy('top-5', (m) => m.top5);
  accuracy('R@1 image → text', (m) => m.r1ImageToText);
  accuracy('R@1 text → image', (m) => m.r1TextToImage);
  row('base concepts', (m) => share(m.base));
  row('novel concepts', (m) => share(m.novel));
  row('harmonic mean', (m) => share(m.harmonic));
  row('parameters', (m) => count(m.params) + times(m, (x) => x.params));
  row('size', (m) => bytes(m.bytes) + times(m, (x) => x.bytes));
  row('latency, one image', (m) => `${m.latencyMs.toFixed(1)} ms${times(m, (x) => x.latencyMs)}`);
  row('images seen', (m) => m.imagesSeen?.toLocaleString('en-GB'));
  row('training', (m) => (m.trainSeconds === undefined ? undefined : duration(m.trainSeconds)));
  return textTable(rows);
}
