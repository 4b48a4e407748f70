import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly out?: string;
}

export function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('write an HTML page of one or several runs: curves, evaluations, figures, recipes');
  withCommonOptions(command)
    .argument('<run...>', 'run folders')
    .option('--out <file>', 'the page (default: training.html in the run folder; of several, runs.html here)')
    .addHelpText('after', examples('report runs/mine', 'report runs/a runs/b --out compared.html'))
    .action(report);
}

async function report(folders: readonly string[], options: ReportOptions): Promise<void> {
  const [{ runsReport }, { writeFileAtomic }] = await Promise.all([
    import('../../runs/index.js'),
    import('../../files/index.js'),
  ]);
  const page = await runsReport(folders);
  const file = options.out ?? (folders.length === 1 ? join(folders[0]!, 'training.html') : 'runs.html');
  await writeFileAtomic(file, page);
  printResult(options, { report: file }, () => `report    ${file}`);
}
