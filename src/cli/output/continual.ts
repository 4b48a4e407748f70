import { type ContinualResult, figuresOf, type MethodSummary, type SequenceRun } from '../../continual/index.js';
import { bytes, matrixPage, percent, textTable } from '../../report/index.js';

/** All runs and their summary as plain data. */
export function continualJson({ runs, summary }: Pick<ContinualResult, 'runs' | 'summary'>) {
  return {
    summary: summary.map(({ method, runs: count, figures }) => ({ method, runs: count, ...figures })),
    runs: runs.map((run) => ({
      ...{ method: run.method, seed: run.seed, order: run.order, tasks: run.tasks, ...figuresOf(run) },
      ...{ zero_shot: run.zeroShot, accuracy: run.accuracy, routed: run.routed },
    })),
  };
}

/** Columns of the table: the figure, and how it is written. */
const columns: readonly [head: string, figure: string, show: (value: number) => string][] = [
  ['transfer', 'transfer', percent],
  ['avg', 'avg', percent],
  ['last', 'last', percent],
  ['forgetting', 'forgetting_from_best', percent],
  ['BWT', 'backward_transfer', percent],
  ['FWT', 'forward_transfer', percent],
  ['routed', 'routing_accuracy', percent],
  ['bytes a task', 'task_bytes', bytes],
  ['s a task', 'task_seconds', (seconds) => seconds.toFixed(0)],
];

function rowsOf(summary: readonly MethodSummary[]): string[][] {
  const head = ['method', 'runs', ...columns.map(([name]) => name)];
  const rows = summary.map(({ method, runs, figures }) => [
    method,
    String(runs),
    ...columns.map(([, figure, show]) => {
      const spread = figures[figure];
      if (!spread) return '–';
      const deviation = spread.deviation !== undefined && show === percent ? ` ± ${percent(spread.deviation)}` : '';
      return `${show(spread.mean)}${deviation}`;
    }),
  ]);
  return [head, ...rows];
}

/** Every run in a line of its own: nothing is chosen among them. */
const everyRun = (runs: readonly SequenceRun[]): string[] =>
  runs.map((run) => {
    const figures = figuresOf(run);
    const told = columns.slice(0, 7).flatMap(([head, figure, show]) => {
      const value = figures[figure];
      return value === undefined ? [] : [`${head} ${show(value)}`];
    });
    return `${run.method}, seed ${run.seed}, order ${run.order}: ${told.join(', ')}`;
  });

export function continualTable({ runs, summary }: Pick<ContinualResult, 'runs' | 'summary'>): string {
  return [...everyRun(runs), '', textTable(rowsOf(summary))].join('\n');
}

const definitions =
  'In per cent, mean ± deviation over runs. Transfer, avg and last as ZSCL has them; forgetting is the best accuracy on a task since it was learned less that at the end (Chaudhry); BWT is the last less that right after learning; FWT is the accuracy just before a task is learned less zero-shot.';

export async function continualPage({ runs, summary }: Pick<ContinualResult, 'runs' | 'summary'>): Promise<string> {
  const tasks = runs[0]!.tasks;
  return matrixPage({
    title: 'Learning task after task',
    summary: `${tasks.length} tasks: ${tasks.join(', ')}; ${runs.length} runs.`,
    table: rowsOf(summary),
    note: definitions,
    maps: runs.map((run) => ({
      title: `${run.method}, seed ${run.seed}, order ${run.order}`,
      corner: 'after',
      rows: run.metrics ? ['nothing', ...run.tasks] : [run.method],
      columns: run.tasks,
      values: run.metrics ? [run.zeroShot, ...run.accuracy] : run.accuracy,
      marked: (row, column) => run.metrics !== undefined && row === column + 1,
    })),
    mapsNote:
      'Top-1 in per cent. A row is after a task was learned, a column is on a task; framed: right after it was learned.',
  });
}
