import { realpath } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { MixtureName, QuantizeModelResult, Rounding } from '../../compress/index.js';
import { UserError } from '../../errors.js';
import type { Device } from '../../runtime/index.js';
import type { FinetuneFlags } from '../finetune-source.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  positiveInteger,
  positiveNumber,
  printResult,
  threadsOption,
  wholeNumber,
  withCommonOptions,
  withEngineOptions,
} from '../options.js';
import type { PlanOptions } from '../show-plan.js';
import { wrapped } from '../terminal/help-lines.js';
import { withPlanOptions } from '../training.js';

interface QuantizeOptions extends CommonOptions, FinetuneFlags, EngineOptions, PlanOptions {
  readonly out: string;
  readonly scheme: MixtureName;
  readonly rounding: Rounding;
  readonly tune?: number;
  readonly split: string;
  readonly images?: number;
  readonly sensitivity?: boolean;
  readonly budget?: number;
  readonly smaller?: number;
  readonly maxDrop?: number;
  readonly seed: number;
  readonly device: Device;
  readonly threads?: number;
}

const times = (text: string): number => {
  const value = positiveNumber(text);
  if (value < 1) throw new InvalidArgumentError('expected a number of at least 1.');
  return value;
};

const points = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('expected points, 0 to 100.');
  return value;
};

export function addQuantize(program: Command): void {
  const command = program
    .command('quantize')
    .description('store a model in few bits: INT4 and FP8 where it hurts least, as a checkpoint and as ONNX files');
  withPlanOptions(withEngineOptions(withCommonOptions(command)))
    .argument('<model>', 'checkpoint folder or Hugging Face id, or the folder of a finished run')
    .requiredOption('--out <folder>', 'folder that is written')
    .addOption(
      new Option(
        '--scheme <name>',
        "what the towers' linear layers become; embeddings, projections, first and last layers become FP8, the rest stays FP32",
      )
        .choices(['nf4', 'codebook', 'int4', 'int4-sym', 'int8', 'fp8'])
        .default('nf4'),
    )
    .addOption(
      new Option(
        '--rounding <how>',
        'nearest: to the nearest value; scales: scales chosen by error; gptq: also compensates errors within a weight; gptaq: also in later layers',
      )
        .choices(['nearest', 'scales', 'gptq', 'gptaq'])
        .default('gptaq'),
    )
    .option(
      '--tune <n>',
      'updates of the FP32 parameters towards the original model’s answers (default: 300 behind gptaq, fewer or none for large models, none behind the others)',
      wholeNumber,
    )
    .addOption(dataOption())
    .option('--split <name>', 'split that calibration images are drawn from', 'train')
    .option('--images <n>', 'calibration images (default: 128 to 1,024, more where they are small)', positiveInteger)
    .option('--sensitivity', 'measure and print what quantising each weight costs')
    .option(
      '--smaller <times>',
      'choose bits per weight so that all weights together are this many times smaller',
      times,
    )
    .addOption(
      new Option('--budget <bytes>', 'choose bits per weight to fit this size')
        .argParser(positiveInteger)
        .conflicts('smaller'),
    )
    .option(
      '--max-drop <points>',
      'choose bits per weight, as small as this loss of calibration accuracy allows',
      points,
    )
    .option('--finetune <n>', 'quantisation-aware distillation for this many updates', positiveInteger)
    .option('--finetune-lr <rate>', 'its peak learning rate (default: 1e-4)', positiveNumber)
    .option('--teacher <folder>', "checkpoint folder or Hugging Face id to learn from (default: the run's)")
    .option('--targets <folder>', "the teacher's stored targets (default: the run's, or temporary)")
    .option('--seed <n>', 'seed of the calibration images', wholeNumber, 0)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'quantize runs/demo --out small',
        'quantize runs/student --out small --rounding nearest',
        'quantize runs/student --out small --sensitivity --json',
        'quantize runs/student --out small --smaller 6',
        'quantize runs/student --out small --smaller 6 --finetune 300',
        'quantize my-student --out small --finetune 300 --teacher my-clip --data folder:photos',
        'quantize my-clip --out small --data folder:photos --max-drop 0.5',
      ) +
        wrapped(
          '\nThe folder is a checkpoint for every command. Transformers.js loads its ONNX files as dtype q8, q4 or bnb4.\n--recompute, --precision, --accumulate, --ema, --device and --threads apply to tuning and fine-tuning.\nWithout --data, images come from the data of the run, or from emoji.\n',
        ),
    )
    .action(run);
}

async function run(idOrFolder: string, given: QuantizeOptions): Promise<void> {
  const [
    { planQuantize, quantizeModel },
    { loadTowerModel },
    { openDataset },
    { readRun },
    { finetuneSource },
    { createProgress, showLoading },
    { interruptSignal },
    { joinGroup },
    output,
  ] = await Promise.all([
    import('../../compress/index.js'),
    import('../../model/index.js'),
    import('../../data/index.js'),
    import('../run-files.js'),
    import('../finetune-source.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../together.js'),
    import('../output/quantize.js'),
  ]);
  const { group, threads: share, warning } = await joinGroup(given.device);
  const first = (group?.rank ?? 0) === 0;
  if (given.plan && !first) return;
  // Of several processes the first alone prints.
  const options = first ? given : { ...given, quiet: true };
  const progress = createProgress(options);
  if (group) progress.log(`${group.size} processes tune together over ${group.library}`);
  if (warning) progress.log(warning);
  let result: QuantizeModelResult;
  try {
    const loading = showLoading(progress);
    const model = await loadTowerModel(idOrFolder, 'quantize', loading);
    const run = await readRun(model.source!.folder);
    await refuseSame(options.out, [idOrFolder, model.source!.folder]);
    const dataset = await openDataset(options.data ?? run.dataset ?? 'emoji');
    const asked = {
      ...options,
      model,
      dataset,
      engine: engineFlags(options),
      compile: { device: options.device, threads: options.threads ?? share, group },
      finetune: await finetuneSource(options, run, dataset, loading),
      signal: interruptSignal(!first),
      onProgress: (phase: string, step: number, steps: number) => progress.update({ phase, step, steps }),
    };
    if (first && (options.plan || !(options.json || options.quiet))) {
      progress.update({ phase: 'planning', step: 0, steps: 0 });
      const { showPlan } = await import('../show-plan.js');
      await showPlan(await planQuantize(asked), [], options, progress);
      if (options.plan) return;
    }
    result = await quantizeModel(asked);
    await group?.barrier();
    group?.close();
  } finally {
    progress.stop();
  }
  if (!first) return;
  printResult(options, { out: options.out, ...output.quantizationJson(result) }, () =>
    output.quantizationTable(options.out, result),
  );
}

/** A quantised checkpoint in the place of what it was made from would be all that is left of it. */
async function refuseSame(out: string, models: readonly string[]): Promise<void> {
  const place = (folder: string) => realpath(folder).catch(() => undefined);
  const target = await place(out);
  if (target && (await Promise.all(models.map(place))).includes(target)) {
    throw new UserError(`--out ${out}: expected another folder than the model's own, which would be replaced`);
  }
}
