import type { Command } from 'commander';
import { commonOptions, dataHelp, dataKinds, ownOptions } from '../../data/spec.js';
import { dealingRule } from '../../data/splits/deal-splits.js';
import { type CommonOptions, examples, positiveInteger, printResult, withCommonOptions } from '../options.js';
import { wrapped } from '../terminal/help-lines.js';

interface ShowOptions extends CommonOptions {
  readonly split: string;
  readonly count: number;
  readonly out: string;
}

interface InspectOptions extends CommonOptions {
  readonly limit: number;
  readonly samples: number;
  readonly sheet?: string;
}

export function addData(program: Command): void {
  const data = program.command('data').description('look at a data set');
  withCommonOptions(data.command('show').description('draw a contact sheet of a data set, and count what is in it'))
    .argument('[data]', dataHelp, 'emoji')
    .option('--split <name>', 'which split', 'test')
    .option('--count <n>', 'images on the sheet', positiveInteger, 64)
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
  withCommonOptions(
    data
      .command('inspect')
      .description('count what a data set holds, decode its images, and say what looks wrong: duplicates, leakage, …'),
  )
    .argument('<data>', dataHelp)
    .option('--limit <n>', 'most images to decode, sampled if there are more', positiveInteger, 20_000)
    .option('--samples <n>', 'images per split whose texts are shown', positiveInteger, 3)
    .option('--sheet <file>', 'also write a contact sheet of the first split, a PNG file')
    .addHelpText('after', explainedKinds())
    .addHelpText(
      'after',
      examples(
        'data inspect folder:photos',
        'data inspect "csv:captions.csv?image=file&text=title" --sheet sheet.png',
        'data inspect "wds:shards/{00000..00099}.tar?into=train" --json',
      ),
    )
    .action(inspect);
}

function explainedKinds(): string {
  const line = (name: string, about: string) => wrapped(`  ${name.padEnd(24)}${about}`, ' '.repeat(26));
  return [
    '\nData:',
    ...dataKinds.map(({ usage, about }) => line(usage, about)),
    '\nOptions behind a path, as in "folder:photos?into=test&novel=half":',
    ...Object.entries(commonOptions).map(([name, about]) => line(`${name}=`, about)),
    ...Object.entries(ownOptions).map(([name, about]) => line(`${name}=`, `${about} (${kindsWith(name)})`)),
    wrapped(`\nSplits: folders and columns name them; where ${dealingRule}.`),
    '',
  ].join('\n');
}

const kindsWith = (option: string) =>
  dataKinds
    .filter(({ options }) => options.includes(option))
    .map(({ kind }) => kind)
    .join(', ');

async function show(spec: string, options: ShowOptions): Promise<void> {
  const { contactSheet, openDataset } = await import('../../data/index.js');
  const { split, count, out: file } = options;
  const dataset = await openDataset(spec);
  await contactSheet(dataset, { split, count, file });
  const result = {
    name: dataset.name,
    classes: dataset.classes.length,
    novel: dataset.classes.filter(({ novel }) => novel).length,
    splits: Object.fromEntries(Object.entries(dataset.splits).map(([name, images]) => [name, images.length])),
    ...(dataset.dealt !== undefined && { dealt: dataset.dealt }),
    skipped: dataset.skipped,
    remarks: dataset.remarks ?? [],
    fingerprint: dataset.fingerprint,
    file,
  };
  printResult(options, result, () =>
    [
      `${result.name}: ${result.classes} classes, ${result.novel} of them novel`,
      ...Object.entries(result.splits).map(
        ([name, images]) => `  ${name.padEnd(12)} ${images.toLocaleString('en-GB').padStart(7)} images`,
      ),
      ...(result.dealt === undefined ? [] : [`  ${result.dealt}`]),
      ...result.remarks.map(({ message, count, examples }) => `  ${count} ${message}, the first: ${examples[0]}`),
      ...(dataset.skipped.length > 0
        ? [`  skipped ${dataset.skipped.length}, the first: ${dataset.skipped[0]!.id}: ${dataset.skipped[0]!.reason}`]
        : []),
      `contact sheet: ${file}`,
    ].join('\n'),
  );
}

async function inspect(spec: string, options: InspectOptions): Promise<void> {
  const [
    { contactSheet, inspectDataset, openDataset },
    { checkWritable },
    { inspectionText },
    { createProgress },
    { interruptSignal },
  ] = await Promise.all([
    import('../../data/index.js'),
    import('../../files/index.js'),
    import('../output/inspection.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
  ]);
  const { limit, samples, sheet } = options;
  if (sheet) await checkWritable(sheet);
  const progress = createProgress(options);
  try {
    const dataset = await openDataset(spec);
    const inspection = await inspectDataset(dataset, {
      limit,
      samples,
      signal: interruptSignal(),
      onProgress: (step, steps) => progress.update({ phase: 'images', step, steps }),
    });
    const [split] = Object.keys(dataset.splits);
    if (sheet) await contactSheet(dataset, { split: split!, count: 64, file: sheet });
    progress.stop();
    printResult(options, { ...inspection, ...(sheet && { sheet }) }, () =>
      [inspectionText(inspection), ...(sheet ? [`contact sheet: ${sheet}`] : [])].join('\n'),
    );
  } finally {
    progress.stop();
  }
}
