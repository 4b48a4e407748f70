import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  examples,
  printResult,
  promptsOption,
  threadsOption,
  wholeNumber,
  withCommonOptions,
} from '../options.js';

interface EvaluateOptions extends CommonOptions {
  readonly data: string;
  readonly split: string;
  readonly templates?: readonly string[];
  readonly prompts?: string;
  readonly latencyRuns: number;
  readonly device: Device;
  readonly threads?: number;
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('measure a model: zero-shot, retrieval, base to novel, by artist, size and latency');
  withCommonOptions(command)
    .argument('<model>', 'checkpoint folder or Hugging Face id of a CLIP model or a student, or of ONNX encoders')
    .addOption(dataOption().default('emoji'))
    .option('--split <name>', 'which split; with test, also novel classes and unseen artists where there are', 'test')
    .option(
      '--templates <text...>',
      'texts of a class, {} or [OBJ] standing for its name; a class is the mean of its texts (default: "a drawing of {}" "{}")',
    )
    .addOption(promptsOption())
    .option('--latency-runs <n>', 'timed runs of one image; 0: not timed', wholeNumber, 50)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'evaluate models/emoji-teacher',
        'evaluate runs/student/student --split style --json',
        'evaluate exported/onnx --json',
        'evaluate openai/clip-vit-base-patch32 --data folder:photos',
        'evaluate models/emoji-teacher --prompts prompts.json',
        'evaluate my-clip --data folder:photos --templates "a photo of a {}" "a close-up of a {}"',
      ),
    )
    .action(run);
}

async function run(folder: string, options: EvaluateOptions): Promise<void> {
  const [
    { evaluateModel, loadModelOrPair },
    { openDataset },
    { createProgress, showDownload },
    { interruptSignal },
    { readPromptSet },
    output,
  ] = await Promise.all([
    import('../../evaluate/index.js'),
    import('../../data/index.js'),
    import('../progress.js'),
    import('../interrupt.js'),
    import('../../prompt/index.js'),
    import('../evaluation-output.js'),
  ]);
  const { split, latencyRuns, device, threads } = options;
  const progress = createProgress(options);
  try {
    const model = await loadModelOrPair(folder, { onDownload: showDownload(progress), device, threads });
    const dataset = await openDataset(options.data);
    const prompts = options.prompts === undefined ? undefined : await readPromptSet(options.prompts);
    const evaluation = await evaluateModel(model, dataset, {
      split,
      templates: prompts?.templates ?? options.templates,
      weights: prompts?.weights,
      latencyRuns,
      device,
      threads,
      signal: interruptSignal(),
      onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
    });
    progress.stop();
    printResult(options, output.evaluationJson(folder, evaluation), () => output.evaluationTable(folder, evaluation));
  } finally {
    progress.stop();
  }
}
