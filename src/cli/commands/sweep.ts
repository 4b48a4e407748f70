import type { Command } from 'commander';
import { type JobEngineOptions, jobEngineOf, withJobEngineOptions } from '../job-engine.js';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

interface SweepCommandOptions extends CommonOptions, JobEngineOptions {
  readonly out: string;
  readonly dryRun?: boolean;
}

const example = `
A sweep file:
  call: pretrain --data folder:photos     # or distill, tune-prompts, cvpr2024
  recipe: recipe.yaml                     # optional
  fields:
    optimizer.lr: [3e-4, 1e-3]   # or with search: random, trials: 20
    batch: [64, 128]                      #   {min: 1e-4, max: 1e-2, scale: log}
  seeds: [1, 2, 3]
  halving: {field: steps, from: 100, to: 900, factor: 3}   # optional
  measure: evaluation.top1                # of the JSON that the call prints
`;

export function addSweep(program: Command): void {
  const command = program
    .command('sweep')
    .description(
      'train many settings of a recipe with several seeds, as jobs, and compare them: grid, random, halving',
    );
  withJobEngineOptions(withCommonOptions(command))
    .argument('<file>', 'sweep.yaml: call, fields, seeds')
    .requiredOption('--out <folder>', 'folder of the sweep; the same command continues it')
    .option('--dry-run', 'print the commands of the first rung, and start nothing')
    .addHelpText('after', example)
    .addHelpText(
      'after',
      examples(
        'sweep sweep.yaml --out sweeps/lr --workers 2',
        'sweep sweep.yaml --out sweeps/lr --on slurm --time 1:00:00',
      ),
    )
    .action(run);
}

async function run(file: string, options: SweepCommandOptions): Promise<void> {
  const [sweeps, { runJobSet }, { createProgress }, { interruptSignal }, { Interrupted }, { sweepTable }] =
    await Promise.all([
      import('../../sweep/index.js'),
      import('../../jobs/index.js'),
      import('../terminal/progress.js'),
      import('../terminal/interrupt.js'),
      import('../failure.js'),
      import('../output/sweep.js'),
    ]);
  const spec = await sweeps.readSweep(file);
  const { out } = options;
  if (options.dryRun) {
    const { shellLine } = await import('../../jobs/index.js');
    const calls = sweeps.firstCalls(spec, out).map(({ args }) => args);
    printResult(options, { folder: out, calls }, () =>
      calls.map((args) => shellLine(['promptkd', ...args])).join('\n'),
    );
    return;
  }
  const progress = createProgress(options);
  const signal = interruptSignal();
  let phase = 'training';
  let part = 'rung-1';
  try {
    const result = await sweeps.runSweep(spec, {
      folder: out,
      retries: options.retries,
      signal,
      onRung: (rung, rungs, trials) => {
        phase = rungs > 1 ? `rung ${rung} of ${rungs}, ${trials} trials` : `${trials} trials`;
        part = `rung-${rung}`;
      },
      run: (set) =>
        runJobSet(
          set,
          jobEngineOf(options, part, (message) => progress.log(message)),
          {
            workers: options.workers,
            signal,
            onProgress: (step, steps) => progress.update({ phase, step, steps }),
          },
        ),
    });
    if (!result) throw new Interrupted(`interrupted; the same command goes on with ${out}`);
    progress.stop();
    printResult(options, result, () =>
      [sweepTable(result), `best   trial ${result.best.trial}: ${result.best.runs[0]!.folder}`].join('\n'),
    );
  } finally {
    progress.stop();
  }
}
