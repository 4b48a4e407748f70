import { type Command, InvalidArgumentError, Option } from 'commander';
import { confidences } from '../../serve/cascade/confidence.js';
import {
  type CommonOptions,
  dataOption,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
} from '../options.js';
import type { Goal } from '../tune-cascade.js';

export interface TuneOptions extends CommonOptions {
  readonly data: string;
  readonly split: string;
  readonly heldOut: string;
  readonly templates?: readonly string[];
  readonly confidence?: (typeof confidences)[number];
  readonly targetAccuracy?: Goal;
  readonly maxLatency?: Goal;
  readonly batch: number;
  readonly threads?: number;
  readonly out: string;
}

export function addCascade(program: Command): void {
  const group = program
    .command('cascade')
    .description('a fast model that defers to a slower one when unsure')
    .addHelpText('after', examples('cascade tune runs/demo/student models/emoji-teacher', 'serve cascade.json'));
  withCommonOptions(
    group
      .command('tune')
      .description(
        'find the threshold for an accuracy or a latency, plot top-1 over latency, and write a cascade for serve',
      ),
  )
    .argument(
      '<models...>',
      'checkpoint folders, exports or Hugging Face ids, the fastest first, at least two; NAME#DTYPE takes that variant of its ONNX files',
    )
    .addOption(dataOption().default('emoji'))
    .option(
      '--split <name>',
      'images that temperatures and thresholds are fitted on; several splits as val+style',
      'val',
    )
    .option('--held-out <name>', 'images to report on, none of them in --split', 'test')
    .option(
      '--templates <text...>',
      'texts of a class, {} or [OBJ] standing for its name (default: those that the model was trained with; otherwise "a photo of [OBJ]", of the built-in drawings "a drawing of {}" "{}")',
    )
    .addOption(
      new Option('--confidence <kind>', 'what a threshold is compared with (default: the one that works best)').choices(
        [...confidences],
      ),
    )
    .addOption(
      new Option(
        '--target-accuracy <percent>',
        'lowest acceptable top-1, reached at the lowest latency: per cent, or teacher-N for N points below the last model (default: teacher-0.5)',
      )
        .argParser(accuracyGoal)
        .conflicts('maxLatency'),
    )
    .addOption(
      new Option(
        '--max-latency <ms>',
        'highest acceptable latency, used for the best top-1: milliseconds, or N% of the last model’s. Latency is the mean time per image, from decoded image to answer. Among thresholds too close to tell apart, the one that defers most is taken',
      ).argParser(latencyGoal),
    )
    .option('--batch <n>', 'images at a time when latency is measured', positiveInteger, 1)
    .addOption(threadsOption())
    .option('--out <file>', 'JSON file for serve; the plot is written beside it as .svg', 'cascade.json')
    .addHelpText(
      'after',
      examples(
        'cascade tune runs/demo/student promptkd:emoji-teacher',
        'cascade tune runs/demo/student promptkd:emoji-teacher --max-latency 40%',
        'cascade tune "small#q4" promptkd:emoji-teacher',
        'cascade tune tiny small large --data folder:photos --target-accuracy 81.5 --confidence margin --json',
      ),
    )
    .action(async (models: readonly string[], options: TuneOptions) => {
      const { tuneCommand } = await import('../tune-cascade.js');
      const { json, lines } = await tuneCommand(models, options);
      printResult(options, json, lines);
    });
}

function accuracyGoal(text: string): Goal {
  const below = /^teacher-(\d+(?:\.\d+)?)$/.exec(text);
  const value = Number(below ? below[1] : text);
  if (text === 'teacher') return { value: 0, relative: true };
  if (text.trim() === '' || !(value >= 0 && value <= 100)) {
    throw new InvalidArgumentError('expected per cent from 0 to 100, or teacher-N.');
  }
  return { value: value / 100, relative: below !== null };
}

function latencyGoal(text: string): Goal {
  const relative = text.endsWith('%');
  const value = Number(relative ? text.slice(0, -1) : text);
  if (text.trim() === '' || !(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('expected milliseconds, or N%.');
  }
  return { value: relative ? value / 100 : value, relative };
}
