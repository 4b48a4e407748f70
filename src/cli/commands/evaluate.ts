import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  examples,
  positiveInteger,
  positiveNumber,
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
  readonly folds?: number;
  readonly longTail?: boolean;
  readonly imbalance?: number;
  readonly many?: number;
  readonly few?: number;
  readonly device: Device;
  readonly threads?: number;
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('measure a model: zero-shot, retrieval, base to novel, by artist, size and latency');
  withCommonOptions(command)
    .argument(
      '<model>',
      'folder or Hugging Face id of a CLIP model or a student, a run’s folder, a prompt memory bank, or ONNX encoders; with #DTYPE behind it, that variant of them (fp32, fp16, q8, q4, bnb4)',
    )
    .addOption(dataOption().default('emoji'))
    .option('--split <name>', 'split to measure; test adds novel classes and unseen artists, if any', 'test')
    .option(
      '--templates <text...>',
      'texts of a class, {} or [OBJ] standing for its name; a class is the mean of its texts (default: those that the model was trained with; otherwise "a photo of [OBJ]", of the built-in drawings "a drawing of {}" "{}")',
    )
    .addOption(promptsOption())
    .option('--latency-runs <n>', 'timed runs of one image; 0: not timed', wholeNumber, 50)
    .option('--folds <n>', 'also average retrieval over this many folds; 5 gives COCO’s 1k figures', positiveInteger)
    .option('--long-tail', 'report by how many images a class has in train: many, medium and few')
    .option('--many <n>', 'classes with more training images are many-shot (default: 100)', wholeNumber)
    .option('--few <n>', 'classes with fewer training images are few-shot (default: 20)', wholeNumber)
    .option('--imbalance <factor>', 'imbalance that the model was trained with, to count its long tail', positiveNumber)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'evaluate promptkd:emoji-teacher',
        'evaluate runs/student --split style --json',
        'evaluate runs/tail --imbalance 7 --many 4 --few 2',
        'evaluate my-clip --data coco:coco2014 --folds 5',
        'evaluate exported/onnx --json',
        'evaluate openai/clip-vit-base-patch32 --data folder:photos',
        'evaluate promptkd:emoji-teacher --prompts prompts.json',
        'evaluate my-clip --data folder:photos --templates "a photo of a {}" "a close-up of a {}"',
      ),
    )
    .action(run);
}

async function run(folder: string, options: EvaluateOptions): Promise<void> {
  const [
    { byTrainingCount, evaluateModel },
    { loadModelOrBank },
    { examplesOf, openDataset, withSubset },
    { createProgress, showLoading },
    { interruptSignal },
    { readPromptSet },
    output,
  ] = await Promise.all([
    import('../../evaluate/index.js'),
    import('../../bank/index.js'),
    import('../../data/index.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../../prompt/index.js'),
    import('../output/evaluation.js'),
  ]);
  const { split, latencyRuns, device, threads } = options;
  const progress = createProgress(options);
  try {
    const model = await loadModelOrBank(folder, { ...showLoading(progress), device, threads });
    const dataset = await openDataset(options.data);
    const prompts = options.prompts === undefined ? undefined : await readPromptSet(options.prompts);
    const evaluation = await evaluateModel(model, dataset, {
      split,
      templates: prompts?.templates ?? options.templates,
      weights: prompts?.weights,
      latencyRuns,
      folds: options.folds,
      device,
      threads,
      signal: interruptSignal(),
      onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
    });
    const { longTail, imbalance, many, few } = options;
    const tail =
      longTail || imbalance !== undefined || many !== undefined || few !== undefined
        ? byTrainingCount(
            evaluation.predictions,
            // Which images a made long tail has does not depend on a seed.
            examplesOf(withSubset(dataset, 'train', { imbalance }, 0), 'train'),
            { many, few },
          )
        : undefined;
    progress.stop();
    printResult(options, output.evaluationJson(folder, evaluation, tail), () =>
      output.evaluationTable(folder, evaluation, tail),
    );
  } finally {
    progress.stop();
  }
}
