import { type Command, Option } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  wholeNumber,
  withCommonOptions,
} from '../options.js';

interface SearchOptions extends CommonOptions {
  readonly data: string;
  readonly split: string;
  readonly heldOut: string;
  readonly images: number;
  readonly domains?: readonly string[];
  readonly sample?: number;
  readonly unlabelled?: boolean;
  readonly size: number;
  readonly beam: number;
  readonly pool: number;
  readonly generations: number;
  readonly population: number;
  readonly tokens: number;
  readonly seed: number;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
}

export function addSearchPrompts(program: Command): void {
  const command = program
    .command('search-prompts')
    .description(
      'find the prompt templates and weights that suit a model best, and measure what they gain on other images',
    );
  withCommonOptions(command)
    .argument('<model>', 'folder or Hugging Face id of a CLIP model or a student, a run’s folder, or ONNX encoders')
    .addOption(dataOption().default('emoji'))
    .option(
      '--split <name>',
      'images to search on: one half builds template sets, the other half chooses among them and the default',
      'val',
    )
    .option('--held-out <name>', 'images to report on; the same split is cut in two', 'test')
    .option('--images <n>', 'most images to search on', positiveInteger, 1000)
    .option('--domains <names...>', 'domains of the library, such as drawings or food (default: all)')
    .option('--sample <n>', 'this many templates of them, sampled, instead of all', positiveInteger)
    .option(
      '--unlabelled',
      'search without looking at labels, by the names of the classes (default: where there are no labels; of data without classes by captions)',
    )
    .option('--size <n>', 'most templates of the set', positiveInteger, 12)
    .option('--beam <n>', 'template sets that the beam search keeps', positiveInteger, 4)
    .option('--pool <n>', 'number of best templates that sets are built from', positiveInteger, 96)
    .option('--generations <n>', 'generations of the evolutionary search', wholeNumber, 6)
    .option('--population <n>', 'templates of a generation', positiveInteger, 48)
    .addOption(
      new Option('--tokens <rounds>', 'rounds of gradient-guided token search on the best template; 0: none')
        .argParser(wholeNumber)
        .default(0)
        .conflicts('unlabelled'),
    )
    .option('--seed <n>', 'seed of everything random', wholeNumber, 0)
    .option('--out <file>', 'JSON file for --prompts of distill, evaluate and export', 'prompts.json')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'search-prompts promptkd:emoji-teacher --domains drawings general --out prompts.json',
        'search-prompts promptkd:emoji-teacher --domains drawings --tokens 8',
        'search-prompts my-clip --data folder:photos --split train --held-out test --json',
        'search-prompts my-clip --data folder:photos --unlabelled --split train',
        'search-prompts my-clip --data flickr:Flickr8k',
      ),
    )
    .action(run);
}

async function run(folder: string, options: SearchOptions): Promise<void> {
  const [
    { findPrompts },
    { loadModel },
    { writePromptSet },
    { checkWritable },
    { openDataset },
    { createProgress, showLoading },
    { interruptSignal },
    output,
  ] = await Promise.all([
    import('../../prompt-search/index.js'),
    import('../../model/index.js'),
    import('../../prompt/index.js'),
    import('../../files/index.js'),
    import('../../data/index.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../output/prompt-search.js'),
  ]);
  const { data, out, sample, json: _, quiet: __, ...search } = options;
  const { device, threads } = options;
  await checkWritable(out);
  const progress = createProgress(options);
  try {
    const model = await loadModel(folder, { ...showLoading(progress), device, threads });
    const result = await findPrompts(model, await openDataset(data), {
      ...search,
      templates: sample,
      signal: interruptSignal(),
      onMessage: progress.log,
      onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
    });
    const report = output.promptSearchJson(folder, result);
    await writePromptSet(out, result.found, report);
    progress.stop();
    printResult(options, { file: out, prompts: output.promptList(result.found), ...report }, () =>
      output.promptSearchText(out, result),
    );
  } finally {
    progress.stop();
  }
}
