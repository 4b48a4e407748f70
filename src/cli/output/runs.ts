import { bytes, textTable } from '../../report/index.js';
import { type Deletable, type RecipeDifference, type RunSummary, shownFigures } from '../../runs/index.js';

const widest = 80;

/** Runs of a folder, one a line, in 80 columns. */
export function runTable(runs: readonly RunSummary[]): string {
  const shown = runs.map((run) => ({ run, figures: shownFigures(run) }));
  const rows = shown.map(({ run: { command, state }, figures: { figure, steps, time, disk } }) =>
    [command, state, steps, figure, time, disk].map((cell) => cell!),
  );
  const head = ['', 'command', 'state', 'steps', 'figure', 'time', 'disk'];
  const others = textTable([head.slice(1), ...rows], [0, 1]).split('\n')[1]!.length;
  const names = runs.map(({ run }) => endOf(run, Math.max(12, widest - 2 - others)));
  return textTable([head, ...rows.map((row, i) => [names[i]!, ...row])], [0, 1, 2]);
}

/** Runs side by side: figures, then the recipe fields in which they differ. */
export function comparedRuns(runs: readonly RunSummary[], differences: readonly RecipeDifference[]): string {
  const figures = runs.map((run) => ({ command: run.command, state: run.state, ...shownFigures(run) }));
  const names = runs.map(({ run }) => run);
  const rows = Object.keys(figures[0]!).map((name) => ({
    field: name,
    values: figures.map((one) => (one as Readonly<Record<string, string>>)[name]),
  }));
  const table = sideBySide(names, rows);
  return differences.length === 0
    ? `${table}\n\nrecipes are the same`
    : `${table}\n\n${sideBySide(names, differences, 'recipe')}`;
}

/** One column a run; where that is wider than 80 columns, one line a value. */
function sideBySide(names: readonly string[], rows: readonly RecipeDifference[], title = ''): string {
  const cell = (value: string | undefined) => value ?? '–';
  const table = textTable([[title, ...names], ...rows.map(({ field, values }) => [field, ...values.map(cell)])]);
  if (table.split('\n').every(({ length }) => length <= widest)) return table;
  const longest = Math.max(...names.map((name) => endOf(name, 24).length));
  const room = widest - longest - 4;
  return rows
    .flatMap(({ field, values }) => [
      field,
      ...values.map((value, i) => `  ${endOf(names[i]!, 24).padEnd(longest)}  ${beginOf(cell(value), room)}`),
    ])
    .join('\n');
}

/** What may be deleted, and how much that is. */
export function deletableLines(found: readonly Deletable[]): string {
  const rows = found.map(({ path, what, bytes: own }) => [endOf(path, 42), what, size(own)]);
  const total = size(found.reduce((sum, one) => sum + one.bytes, 0));
  return textTable([['', '', 'bytes'], ...rows, ['', 'in all', total]], [0, 1]);
}

export const size = (n: number): string => (n >= 1e9 ? `${(n / 1e9).toPrecision(3)} GB` : bytes(n));

const endOf = (text: string, most: number) => (text.length <= most ? text : `…${text.slice(1 - most)}`);
const beginOf = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
