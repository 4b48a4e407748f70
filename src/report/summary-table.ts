import type { ChanceLevels, Interval, ModelSummary } from './data.js';
import { bytes, chancePercent, count, duration, milliseconds, percent } from './numbers.js';
import { textTable } from './text-table.js';

/**
 * The comparison as plain text for a terminal: one column per model, and what guessing reaches where that is known.
 * Three models with short names fit 80 columns.
 */
export function summaryTable(models: readonly ModelSummary[], chance: ChanceLevels = {}): string {
  const teacher = models.find((m) => m.role === 'teacher');
  const hasChance = Object.values(chance).some((level) => level !== undefined);
  const rows: string[][] = [['', ...models.map((m) => m.name), ...(hasChance ? ['chance'] : [])]];
  const row = (name: string, cell: (m: ModelSummary) => string | undefined, last = '') => {
    const cells = models.map(cell);
    if (cells.every((text) => text === undefined)) return;
    rows.push([name, ...cells.map((text) => text ?? '–'), ...(hasChance ? [last] : [])]);
  };
  const accuracy = (name: string, key: keyof ChanceLevels) => {
    const level = chance[key];
    const of = (m: ModelSummary): Interval | undefined => m[key];
    const reference = teacher && of(teacher);
    row(name, (m) => of(m) && `${percent(of(m)!.value)} %`, level === undefined ? undefined : chancePercent(level));
    row('  95 % interval', (m) => of(m) && `${percent(of(m)!.low)}–${percent(of(m)!.high)}`);
    if (reference && reference.value > 0)
      row('  of teacher', (m) => (m !== teacher && of(m) ? `${percent(of(m)!.value / reference.value)} %` : undefined));
  };
  const share = (m: ModelSummary, of: (m: ModelSummary) => number) =>
    teacher && m !== teacher ? ` (${percent(of(m) / of(teacher))} %)` : '';
  accuracy(models.some((m) => m.novel) ? 'top-1, base classes' : 'top-1', 'top1');
  accuracy('top-5', 'top5');
  accuracy('top-1, novel classes', 'novel');
  accuracy('their harmonic mean', 'harmonic');
  accuracy('R@1 image → text', 'r1ImageToText');
  accuracy('R@1 text → image', 'r1TextToImage');
  row('parameters', (m) => count(m.params) + share(m, (x) => x.params));
  row('size', (m) => bytes(m.bytes) + share(m, (x) => x.bytes));
  row('latency, one image', (m) => `${milliseconds(m.latencyMs)}${share(m, (x) => x.latencyMs)}`);
  row('images seen', (m) => m.imagesSeen?.toLocaleString('en-GB'));
  row('training', (m) => (m.trainSeconds === undefined ? undefined : duration(m.trainSeconds)));
  return textTable(rows);
}
