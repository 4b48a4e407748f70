import type { Command } from 'commander';
import { dataHelp } from '../../data/spec.js';
import { type CommonOptions, examples, positiveInteger, printResult, withCommonOptions } from '../options.js';

interface ShowOptions extends CommonOptions {
  readonly split: string;
  readonly count: number;
  readonly out: string;
}

export function addData(program: Command): void {
  const data = program.command('data').description('look at a data set');
  withCommonOptions(data.command('show').description('draw a contact sheet of a data set, and count what is in it'))
    .argument('[data]', dataHelp, 'emoji')
    .option('--split <name>', 'which split', 'test')
    .option('--count <n>', 'drawings on the sheet', positiveInteger, 64)
    .option('--out <file>', 'PNG file', 'contact-sheet.png')
    .addHelpText(
      'after',
      examples(
        'data show',
        'data show emoji --split train --count 200 --out train.png',
        'data show folder:photos --json',
      ),
    )
    .action(show);
}

async function show(spec: string, options: ShowOptions): Promise<void> {
  const { contactSheet, openDataset } = await import('../../data/index.js');
  const { split, count, out: file } = options;
  const dataset = await openDataset(spec);
  await contactSheet(dataset, { split, count, file });
  const result = {
    name: dataset.name,
    classes: dataset.classes.length,
    novel: dataset.classes.filter(({ novel }) => novel).length,
    splits: Object.fromEntries(Object.entries(dataset.splits).map(([name, drawings]) => [name, drawings.length])),
    skipped: dataset.skipped,
    fingerprint: dataset.fingerprint,
    file,
  };
  printResult(options, result, () =>
    [
      `${result.name}: ${result.classes} classes, ${result.novel} of them novel`,
      ...Object.entries(result.splits).map(
        ([name, drawings]) => `  ${name.padEnd(12)} ${drawings.toLocaleString('en-GB').padStart(7)} pictures`,
      ),
      ...(dataset.skipped.length > 0
        ? [`  skipped ${dataset.skipped.length}, the first: ${dataset.skipped[0]!.id}: ${dataset.skipped[0]!.reason}`]
        : []),
      `contact sheet: ${file}`,
    ].join('\n'),
  );
}
