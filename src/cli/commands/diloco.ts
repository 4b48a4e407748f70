import { type Command, InvalidArgumentError } from 'commander';
import { type JobEngineOptions, jobEngineOf, withJobEngineOptions } from '../job-engine.js';
import {
  type CommonOptions,
  examples,
  positiveInteger,
  positiveNumber,
  printResult,
  withCommonOptions,
} from '../options.js';

interface RunRoundsOptions extends CommonOptions, JobEngineOptions {
  readonly folder: string;
  readonly replicas: number;
  readonly localSteps: number;
  readonly outerLr: number;
  readonly outerMomentum: number;
  readonly patience?: number;
}

export function addDiloco(program: Command): void {
  const diloco = program
    .command('diloco')
    .description('train in rounds of local steps, as jobs: for machines that come and go, or are far apart');
  withJobEngineOptions(withCommonOptions(diloco.command('run').description('run the rounds, or continue them')))
    .requiredOption('--folder <folder>', 'folder of the rounds, visible to all machines; the result is in its run/')
    .option('--replicas <k>', 'jobs per round, each on its own batches', positiveInteger, 4)
    .option('--local-steps <n>', 'steps of each job', positiveInteger, 500)
    .option('--outer-lr <rate>', 'learning rate of the merge', positiveNumber, 0.7)
    .option('--outer-momentum <m>', 'Nesterov momentum of the merge', momentum, 0.9)
    .option(
      '--patience <s>',
      'seconds that a round waits for the other jobs once the first is done (default: no limit)',
      positiveNumber,
    )
    .argument('<call...>', 'distill, pretrain or tune-prompts with its arguments, after --, without --out')
    .addHelpText(
      'after',
      examples(
        'diloco run --folder diloco/a --replicas 4 --local-steps 500 --on slurm -- pretrain --data folder:photos --recipe recipe.yaml',
      ),
    )
    .action(run);
  withCommonOptions(diloco.command('merge').description('merge the results of a round’s jobs into one state'))
    .argument('<folder>', 'folder of the rounds')
    .requiredOption('--round <n>', 'number of the round', positiveInteger)
    .addHelpText('after', examples('diloco merge diloco/a --round 3'))
    .action(merge);
}

function momentum(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new InvalidArgumentError('expected a number from 0 to below 1.');
  return value;
}

async function run(call: readonly string[], options: RunRoundsOptions): Promise<void> {
  const [rounds, { runJobSet }, { createProgress }, { interruptSignal }, { Interrupted }] = await Promise.all([
    import('../../diloco/index.js'),
    import('../../jobs/index.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../failure.js'),
  ]);
  const { folder, replicas, localSteps, outerLr, outerMomentum, patience } = options;
  const outer = { lr: outerLr, momentum: outerMomentum };
  await rounds.createRounds(folder, { call: [...call], replicas, local_steps: localSteps, outer });
  const progress = createProgress(options);
  const signal = interruptSignal();
  let phase = 'round 1';
  try {
    const result = await rounds.runRounds({
      ...{ folder, signal, retries: options.retries },
      patienceMs: patience === undefined ? undefined : patience * 1000,
      onRound: ({ round, phase: name, step, steps, shares }) => {
        phase = `round ${round + 1}`;
        progress.log(`round ${round}: ${name} ${step} of ${steps} steps, ${shares.length} of ${replicas} shares`);
      },
      run: (set, stop) =>
        runJobSet(
          set,
          jobEngineOf(options, phase.replaceAll(' ', '-'), (message) => progress.log(message)),
          {
            ...{ workers: options.workers, signal: stop },
            onProgress: (step, steps) => progress.update({ phase, step, steps }),
          },
        ),
    });
    if (!result) throw new Interrupted(`interrupted; the same command goes on with ${folder}`);
    progress.stop();
    printResult(options, result, () =>
      [
        `${result.rounds.length} rounds of ${replicas} replicas; ${result.lost === 0 ? 'no share was lost' : `${result.lost} shares were lost`}`,
        `saved  ${result.folder}`,
      ].join('\n'),
    );
  } finally {
    progress.stop();
  }
}

async function merge(folder: string, options: CommonOptions & { readonly round: number }): Promise<void> {
  const [{ mergeRound }, { readPlan }] = await Promise.all([
    import('../../train/index.js'),
    import('../../diloco/index.js'),
  ]);
  const { outer } = await readPlan(folder);
  const { round, phase, step, steps, shares } = await mergeRound(folder, options.round, outer);
  printResult(
    options,
    { round, phase, step, steps, shares },
    () => `round ${round}: ${phase} ${step} of ${steps} steps, shares of ${shares.join(', ')}`,
  );
}
