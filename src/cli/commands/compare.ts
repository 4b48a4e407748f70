import { type Command, InvalidArgumentError } from 'commander';
import {
  type CommonOptions,
  dataOption,
  examples,
  positiveInteger,
  printResult,
  promptsOption,
  threadsOption,
  withCommonOptions,
} from '../options.js';

interface CompareCommandOptions extends CommonOptions {
  readonly data: string;
  readonly split: string;
  readonly teacher?: string;
  readonly templates?: readonly string[];
  readonly prompts?: string;
  readonly runs: number;
  readonly threads?: number;
  readonly maxBytes?: number;
  readonly maxMs?: number;
  readonly maxDrop?: number;
  readonly plot?: string;
}

const amount = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('expected a number of at least 0.');
  }
  return value;
};

export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('measure variants of a model side by side, and recommend one: accuracy, size, memory, latency');
  withCommonOptions(command)
    .argument(
      '<models...>',
      'folders of models or of runs; with #DTYPE behind one, that variant of its ONNX files (fp32, fp16, q8, q4, bnb4)',
    )
    .addOption(dataOption().default('emoji'))
    .option('--split <name>', 'which split', 'test')
    .option('--teacher <model>', 'model that the others’ answers are compared with (default: the first model)')
    .option('--templates <text...>', 'texts of a class, {} or [OBJ] standing for its name')
    .addOption(promptsOption())
    .option('--runs <n>', 'timed runs of one image per model, in turn', positiveInteger, 200)
    .addOption(threadsOption())
    .option('--max-bytes <n>', 'recommend the most accurate within this size', positiveInteger)
    .option('--max-ms <ms>', 'recommend the most accurate within this median latency', amount)
    .option(
      '--max-drop <points>',
      'recommend the smallest that loses at most this many points to the first (default: 1)',
      amount,
    )
    .option('--plot <file>', 'SVG file of top-1 over bytes that is written')
    .addHelpText(
      'after',
      examples(
        'compare runs/demo/student small small#q4 small#q8 --teacher promptkd:emoji-teacher',
        'compare "exported#fp32" "exported#fp16" --plot pareto.svg',
        'compare runs/demo/student small#bnb4 --max-bytes 500000 --json',
      ),
    )
    .action(run);
}

async function run(models: readonly string[], options: CompareCommandOptions): Promise<void> {
  const [
    { compareModels },
    { openDataset },
    { createProgress },
    { interruptSignal },
    { readPromptSet },
    files,
    output,
  ] = await Promise.all([
    import('../../evaluate/index.js'),
    import('../../data/index.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../../prompt/index.js'),
    import('../../files/index.js'),
    import('../output/comparison.js'),
  ]);
  const sources = output.variantsOf(models);
  const { maxBytes, maxMs, maxDrop, plot, ...rest } = options;
  const limited = maxBytes !== undefined || maxMs !== undefined || maxDrop !== undefined;
  const prompts = options.prompts === undefined ? undefined : await readPromptSet(options.prompts);
  if (plot !== undefined) await files.checkWritable(plot);
  const progress = createProgress(options);
  try {
    const comparison = await compareModels(sources, await openDataset(options.data), {
      ...rest,
      templates: prompts?.templates ?? options.templates,
      weights: prompts?.weights,
      limits: limited ? { maxBytes, maxMs, maxDrop } : undefined,
      signal: interruptSignal(),
      onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
    });
    progress.stop();
    printResult(options, comparison, () => output.comparisonTable(comparison));
    if (plot !== undefined) await files.writeFileAtomic(plot, output.comparisonPlot(comparison));
  } finally {
    progress.stop();
  }
}
