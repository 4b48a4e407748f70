import { type Command, Option } from 'commander';
import type { JobCounts, JobSet } from '../../jobs/index.js';
import {
  type CommonOptions,
  examples,
  positiveInteger,
  positiveNumber,
  printResult,
  wholeNumber,
  withCommonOptions,
} from '../options.js';

interface QueueOptions extends CommonOptions {
  readonly workers: number;
  readonly redis: string;
  readonly lockSeconds: number;
}

interface MakeOptions extends CommonOptions {
  readonly folder: string;
  readonly shards?: number;
  readonly each?: readonly string[];
  readonly retries: number;
}

interface RunOptions extends QueueOptions, MakeOptions {
  readonly on: 'local' | 'bullmq';
}

interface WorkOptions extends QueueOptions {
  readonly on: 'local' | 'bullmq';
  readonly job?: number;
}

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];

function withQueueOptions(command: Command): Command {
  return withCommonOptions(command)
    .addOption(
      new Option('--on <engine>', 'local: processes on this machine; bullmq: a queue on Redis, for several machines')
        .choices(['local', 'bullmq'])
        .default('local'),
    )
    .option('--workers <n>', 'jobs at a time in this process; bullmq: 0 leaves all to other workers', wholeNumber, 1)
    .option('--redis <url>', 'address of Redis (bullmq)', process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
    .option('--lock-seconds <s>', 'bullmq: a worker that is silent for this long loses its jobs', positiveNumber, 60);
}

function withMakeOptions(command: Command): Command {
  return command
    .requiredOption('--folder <folder>', 'folder of the jobs; its records/ hold the state of each')
    .option('--shards <n>', 'a job for each shard: {shard} in the call', positiveInteger)
    .option('--each <name=value>', 'a job for each value: {name} in the call; repeatable', collect)
    .option('--retries <n>', 'retries of a failed job', wholeNumber, 3)
    .argument('<call...>', 'the command, after --, without promptkd');
}

export function addJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description(
      'run one command on many shards, data sets or settings, here or on several machines; it can be resumed',
    );
  withMakeOptions(
    withCommonOptions(jobs.command('make').description('make the jobs without running them, for launch or jobs work')),
  )
    .addHelpText(
      'after',
      examples(
        'jobs make --folder jobs/embed --shards 20 -- embed my-clip --data folder:photos --out embedded --shard {shard}',
      ),
    )
    .action(make);
  withMakeOptions(
    withQueueOptions(jobs.command('run').description('make the jobs and run them, or continue with them')),
  )
    .addHelpText(
      'after',
      examples(
        'jobs run --folder jobs/embed --shards 20 --workers 2 -- embed my-clip --data folder:photos --out embedded --shard {shard}',
        'jobs run --folder jobs/test --each data=folder:a --each data=folder:b -- evaluate my-clip --data {data}',
        'jobs run --folder jobs/embed --on bullmq --redis redis://host --shards 20 -- embed my-clip --data folder:photos --out embedded --shard {shard}',
      ),
    )
    .action(run);
  withQueueOptions(jobs.command('work').description('run jobs that were made elsewhere'))
    .argument('<folder>', 'folder of the jobs')
    .option('--job <n>', 'run only this job, counted from 1 (for Slurm and Kubernetes arrays)', positiveInteger)
    .addHelpText(
      'after',
      examples('jobs work jobs/embed --on bullmq', 'jobs work jobs/embed --job $SLURM_ARRAY_TASK_ID'),
    )
    .action(work);
  withCommonOptions(jobs.command('status').description('show the state of each job'))
    .argument('<folder>', 'folder of the jobs')
    .option('--show <field...>', 'fields of the results to show, such as zero_shot.top1; of numbers, also the mean')
    .addHelpText('after', examples('jobs status jobs/embed', 'jobs status jobs/test --show top1'))
    .action(status);
}

async function made(call: readonly string[], options: MakeOptions): Promise<JobSet> {
  const { createJobSet, expandCalls, parseAxes } = await import('../../jobs/index.js');
  return createJobSet(
    options.folder,
    expandCalls(call, parseAxes(options.each ?? []), options.shards),
    options.retries,
  );
}

async function make(call: readonly string[], options: MakeOptions): Promise<void> {
  const { folder, jobs } = await made(call, options);
  printResult(options, { folder, jobs: jobs.length }, () =>
    [`${jobs.length} jobs`, `saved  ${folder}`, `next   promptkd launch --on slurm --jobs ${folder} --dry-run`].join(
      '\n',
    ),
  );
}

async function run(call: readonly string[], options: RunOptions): Promise<void> {
  await finish(await made(call, options), options, 'run');
}

async function work(folder: string, options: WorkOptions): Promise<void> {
  const { readJobSet } = await import('../../jobs/index.js');
  const set = await readJobSet(folder);
  if (options.job === undefined) return finish(set, options, 'work');
  const [{ runJob }, { UserError, BusyError }, { interruptSignal }, { Interrupted }] = await Promise.all([
    import('../../jobs/index.js'),
    import('../../errors.js'),
    import('../terminal/interrupt.js'),
    import('../failure.js'),
  ]);
  const outcome = await runJob(set, options.job, { signal: interruptSignal() });
  if (outcome === 'busy') throw new BusyError(`${folder}: job ${options.job} is run by another process`);
  if (outcome === 'stopped') throw new Interrupted(`interrupted; job ${options.job} goes on with the same command`);
  if (outcome === 'failed') throw new UserError(await failureOf(set, options.job));
  printResult(options, { job: options.job, outcome }, () => `job ${options.job}: ${outcome}`);
}

async function finish(
  set: JobSet,
  options: QueueOptions & { readonly on: 'local' | 'bullmq' },
  verb: 'run' | 'work',
): Promise<void> {
  const [jobs, { UserError }, { createProgress }, { interruptSignal }, { Interrupted }] = await Promise.all([
    import('../../jobs/index.js'),
    import('../../errors.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../failure.js'),
  ]);
  const progress = createProgress(options);
  const signal = interruptSignal();
  const began = performance.now();
  let counts: JobCounts;
  try {
    const given = {
      workers: options.workers,
      signal,
      onProgress: (step: number, steps: number) => progress.update({ phase: 'jobs', step, steps }),
    };
    const queue = {
      redis: options.redis,
      lockMs: options.lockSeconds * 1000,
      onTrouble: (message: string) => progress.log(message),
    };
    if (options.on === 'local') counts = await jobs.runLocal(set, { ...given, workers: Math.max(1, options.workers) });
    else if (verb === 'run') counts = await jobs.runOnBullmq(set, { ...given, ...queue });
    else counts = await jobs.workOnBullmq(set, { ...given, ...queue });
  } finally {
    progress.stop();
  }
  const { total, done, failed } = counts;
  if (signal.aborted) throw new Interrupted(`interrupted; ${done} of ${total} jobs are done, the same command goes on`);
  if (failed > 0) {
    const first = (await jobs.readRecords(set.folder)).find(({ state }) => state === 'failed')!;
    throw new UserError(`${failed} of ${total} jobs failed; ${await failureOf(set, first.job)}`);
  }
  const seconds = (performance.now() - began) / 1000;
  printResult(options, { folder: set.folder, ...counts, seconds }, () =>
    [`${done} of ${total} jobs done in ${Math.round(seconds)} s`, `next   promptkd jobs status ${set.folder}`].join(
      '\n',
    ),
  );
}

async function failureOf({ folder }: JobSet, job: number): Promise<string> {
  const { readRecord } = await import('../../jobs/index.js');
  const last = (await readRecord(folder, job))?.attempts.at(-1);
  return `job ${job}: ${last?.message ?? `exit code ${last?.code ?? last?.signal}`}`;
}

async function status(folder: string, options: CommonOptions & { readonly show?: readonly string[] }): Promise<void> {
  const [{ countJobs, readJobSet, readRecords }, { jobTable }] = await Promise.all([
    import('../../jobs/index.js'),
    import('../output/jobs.js'),
  ]);
  const set = await readJobSet(folder);
  const records = await readRecords(folder);
  const counts = await countJobs(set);
  printResult(options, { ...counts, jobs: records }, () => jobTable(set, records, options.show ?? []));
}
