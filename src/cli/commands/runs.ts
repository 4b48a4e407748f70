import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';
import { sayLine } from '../terminal/live-lines.js';

interface CleanOptions extends CommonOptions {
  readonly yes?: boolean;
}

export function addRuns(program: Command): void {
  const runs = program
    .command('runs')
    .description('the runs in a folder: state, figures, time and size; compare, export, clean them')
    .addHelpText('after', examples('runs', 'runs compare runs/a runs/b', 'runs csv runs/mine', 'runs clean --yes'));
  withCommonOptions(runs.command('list', { isDefault: true }).description('list the runs in a folder (the default)'))
    .argument('[folder]', 'folder of runs', 'runs')
    .addHelpText('after', examples('runs list', 'runs list experiments --json'))
    .action(list);
  withCommonOptions(runs.command('compare').description('figures side by side, and where the recipes differ'))
    .argument('<run...>', 'run folders')
    .addHelpText('after', examples('runs compare runs/a runs/b'))
    .action(compare);
  withCommonOptions(runs.command('csv').description('write history.csv into a run’s folder: a row a step'))
    .argument('<run>', 'run folder')
    .addHelpText('after', examples('runs csv runs/mine'))
    .action(csv);
  withCommonOptions(
    runs.command('clean').description('delete what finished runs no longer need: states, stored teacher targets'),
  )
    .argument('[folder]', 'folder of runs', 'runs')
    .option('--yes', 'delete without asking')
    .addHelpText('after', examples('runs clean', 'runs clean experiments --yes'))
    .action(clean);
}

async function list(folder: string, options: CommonOptions): Promise<void> {
  const [{ findRuns, summaryOf }, output] = await load();
  const runs = await findRuns(folder, (message) => sayLine(`promptkd: ${message}`));
  const found = runs.map(summaryOf);
  printResult(options, found, () =>
    found.length > 0
      ? output.runTable(found)
      : `${folder}: no runs yet; promptkd distill --out ${folder}/NAME makes one`,
  );
}

async function compare(folders: readonly string[], options: CommonOptions): Promise<void> {
  const [{ openRun, recipeDifferences, summaryOf }, output] = await load();
  const runs = await Promise.all(folders.map(openRun));
  const found = runs.map(summaryOf);
  const differences = recipeDifferences(runs.map(({ record }) => record.recipe));
  printResult(options, { runs: found, recipe: differences }, () => output.comparedRuns(found, differences));
}

async function csv(folder: string, options: CommonOptions): Promise<void> {
  const [{ historyCsv, openRun }] = await load();
  const [{ writeFileAtomic }, { History, historyFile }] = await Promise.all([
    import('../../files/index.js'),
    import('../../train/index.js'),
  ]);
  await openRun(folder);
  const { entries } = new History(join(folder, historyFile));
  const file = join(folder, 'history.csv');
  await writeFileAtomic(file, historyCsv(entries));
  printResult(
    options,
    { file, steps: entries.length },
    () => `${file}: ${entries.length.toLocaleString('en-GB')} steps`,
  );
}

async function clean(folder: string, options: CleanOptions): Promise<void> {
  const [{ deletableOf, deleteAll, findRuns }, output] = await load();
  const { confirm } = await import('../terminal/confirm.js');
  const found = deletableOf(await findRuns(folder, (message) => sayLine(`promptkd: ${message}`)));
  const bytes = found.reduce((sum, one) => sum + one.bytes, 0);
  const lines = output.deletableLines(found);
  const asks = found.length > 0 && !options.yes && !options.json && !options.quiet;
  if (asks) sayLine(lines);
  const agreed = options.yes || (asks && (await confirm('Delete them?')) === true);
  if (agreed) deleteAll(found);
  printResult(options, { deleted: agreed === true, bytes, found }, () => {
    if (found.length === 0) return `${folder}: nothing to delete`;
    const again = 'the same training command would begin anew in these folders: to train further, give another --out';
    if (agreed) return `deleted ${output.size(bytes)}; models, reports and histories stay; ${again}`;
    return `${asks ? '' : `${lines}\n`}nothing was deleted; with --yes it is`;
  });
}

const load = () => Promise.all([import('../../runs/index.js'), import('../output/runs.js')]);
