import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { distillLosses } from '../distill/index.js';
import { UserError } from '../errors.js';
import { readText } from '../files/index.js';
import { type LossCurve, lossCurves, phaseSpans, type RunsPage, runsPage } from '../report/index.js';
import { History, type HistoryEntry, historyFile, type RunEvaluation } from '../train/index.js';
import { type FoundRun, findRuns } from './find-runs.js';
import { recipeDifferences } from './recipe-differences.js';
import { shownFigures, summaryOf } from './run-figures.js';

/** A run with all of its history. */
interface WholeRun extends FoundRun {
  readonly entries: readonly HistoryEntry[];
  readonly recipe: string;
}

/**
 * The HTML page of some runs: figures, evaluations, losses by phase, rate, gradient norm and speed, recipes. A folder whose
 * run trains nothing itself, as the demo's, stands for the runs inside of it.
 *
 * @throws UserError where a folder holds no run with a history
 */
export async function runsReport(folders: readonly string[]): Promise<string> {
  const runs = (await Promise.all(folders.map((folder) => trainedIn(folder)))).flat();
  const names = uniqueNames(runs);
  const [first] = runs;
  const differences = recipeDifferences(runs.map(({ record }) => record.recipe));
  const summaries = runs.map((run) => ({ ...summaryOf(run), run: names[runs.indexOf(run)]! }));
  const shown = summaries.map((run) => ({ command: run.command, state: run.state, ...shownFigures(run) }));
  const histories = runs.map(({ entries }, i) => ({ model: names[i]!, entries }));
  const { machine, data, started } = first!.record;
  const page: RunsPage = {
    title: runs.length === 1 ? names[0]! : `${runs.length} runs`,
    summary:
      runs.length === 1
        ? `promptkd ${first!.record.command} on ${data.name}, ${first!.record.state}.`
        : `Trained on ${[...new Set(runs.map(({ record }) => record.data.name))].join(', ')}.`,
    facts: [
      ['Data', data.name],
      [
        'Machine',
        `${machine.processor}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}, ${machine.device}`,
      ],
      ['Date', started.slice(0, 10)],
    ],
    runs: names,
    figures: Object.keys(shown[0]!).map((name) => [
      name,
      shown.map((one) => (one as Readonly<Record<string, string>>)[name]!),
    ]),
    losses: lossCurves(histories, distillLosses),
    evaluations: evaluationCurves(histories),
    training: trainingCurves(histories),
    phases: runs.length === 1 ? phaseSpans(histories[0]!) : [],
    differences: differences.map(({ field, values }) => [field, values.map((value) => value ?? '–')]),
    recipes: runs.map(({ recipe }, i) => ({ run: names[i]!, text: recipe })),
  };
  return runsPage(page);
}

async function trainedIn(folder: string): Promise<WholeRun[]> {
  const all = await findRuns(folder);
  const trained = all.filter((run) => existsSync(join(run.folder, historyFile)));
  const own = trained.filter((run) => run.folder === folder);
  const chosen = own.length > 0 ? own : trained;
  if (chosen.length === 0)
    throw new UserError(`${folder}: expected the folder of a run that has trained, with ${historyFile}, found none`);
  return Promise.all(
    chosen.map(async (run) => {
      const recipe = join(run.folder, 'recipe.yaml');
      return {
        ...run,
        entries: new History(join(run.folder, historyFile)).entries,
        recipe: existsSync(recipe) ? await readText(recipe) : '',
      };
    }),
  );
}

/** Folders by their own names; with as much of their paths as tells them apart. */
function uniqueNames(runs: readonly FoundRun[]): string[] {
  const parts = runs.map(({ folder }) => resolve(folder).split('/'));
  for (let depth = 1; depth < 8; depth++) {
    const names = parts.map((path) => path.slice(-depth).join('/'));
    if (new Set(names).size === names.length) return names;
  }
  return runs.map(({ folder }, i) => `${i + 1} ${basename(folder)}`);
}

type Histories = readonly { readonly model: string; readonly entries: readonly HistoryEntry[] }[];

const titles = {
  top1: 'Top-1',
  top5: 'Top-5',
  r1_image_to_text: 'R@1 image to text',
  r5_image_to_text: 'R@5 image to text',
  r1_text_to_image: 'R@1 text to image',
  r5_text_to_image: 'R@5 text to image',
} as const;

function evaluationCurves(histories: Histories): LossCurve[] {
  const measured = histories.map(({ model, entries }) => ({
    model,
    entries: entries.filter(({ evaluation }) => evaluation),
  }));
  const of = (read: (evaluation: RunEvaluation) => number | undefined) =>
    curvesOf(measured, ({ evaluation }) => read(evaluation!));
  const teachers = of(({ teacher }) => teacher).slice(0, 1);
  return Object.entries(titles).flatMap(([name, component]): LossCurve[] => {
    const series = of((evaluation) => evaluation[name as keyof typeof titles]);
    const beside = name === 'top1' ? teachers.map((one) => ({ ...one, model: 'teacher' })) : [];
    return series.length > 0 ? [{ component, value: 'share', series: [...beside, ...series] }] : [];
  });
}

function trainingCurves(histories: Histories): LossCurve[] {
  const curve = (component: string, value: string, read: (entry: HistoryEntry) => number | undefined): LossCurve => ({
    ...{ component, value },
    series: curvesOf(histories, read),
  });
  return [
    curve('Learning rate', 'rate', ({ learning_rate }) => learning_rate),
    curve('Gradient norm', 'norm', ({ gradient_norm }) => gradient_norm ?? undefined),
    curve('Speed', 'images a second', ({ images_per_second }) => images_per_second),
  ].filter(({ series }) => series.length > 0);
}

/** The lines of one value, broken between phases; runs without it are left out. */
function curvesOf(histories: Histories, read: (entry: HistoryEntry) => number | undefined): LossCurve['series'] {
  const named = histories.map(({ model, entries }) => ({
    model,
    entries: entries.flatMap((entry) => {
      const value = read(entry);
      return value === undefined ? [] : [{ ...entry, losses: { value } }];
    }),
  }));
  return lossCurves(named, [])[0]?.series ?? [];
}
