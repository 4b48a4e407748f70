import { type Command, Option } from 'commander';
import type { JobEngine } from '../jobs/index.js';
import { positiveInteger, positiveNumber, wholeNumber } from './options.js';

/** What a command takes that hands jobs to any engine. */
export interface JobEngineOptions {
  readonly on: JobEngine['on'];
  readonly workers: number;
  readonly redis: string;
  readonly lockSeconds: number;
  readonly name: string;
  readonly jobThreads: number;
  readonly memory: number;
  readonly gpus: number;
  readonly time?: string;
  readonly partition?: string;
  readonly image: string;
  readonly claim: string;
  readonly retries: number;
}

export function withJobEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--on <engine>', 'what runs the jobs')
        .choices(['local', 'bullmq', 'slurm', 'kubernetes'])
        .default('local'),
    )
    .option('--workers <n>', 'jobs at a time in this process (local, bullmq)', wholeNumber, 1)
    .option('--retries <n>', 'retries of a failed job', wholeNumber, 3)
    .option('--redis <url>', 'address of Redis (bullmq)', process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
    .option('--lock-seconds <s>', 'bullmq: a worker that is silent for this long loses its jobs', positiveNumber, 60)
    .option('--job-threads <n>', 'cores of each job (slurm, kubernetes)', positiveInteger, 4)
    .option('--memory <GiB>', 'memory of each job (slurm, kubernetes)', positiveNumber, 8)
    .option('--gpus <n>', 'GPUs of each job (slurm, kubernetes)', wholeNumber, 0)
    .option('--time <h:mm:ss>', 'time limit of a job (slurm)')
    .option('--partition <name>', 'Slurm partition')
    .option('--name <name>', 'name of the job (slurm, kubernetes)', 'promptkd')
    .option('--image <image>', 'container image: see deploy/Dockerfile (kubernetes)', 'promptkd')
    .option('--claim <name>', 'volume claim that all pods see at /work (kubernetes)', 'promptkd');
}

/** @param part of the work, where one command hands over several sets of jobs */
export function jobEngineOf(options: JobEngineOptions, part: string, onTrouble: (message: string) => void): JobEngine {
  const { on, redis, lockSeconds, name, jobThreads: threads, memory, gpus, time, partition, image, claim } = options;
  if (on === 'local') return { on };
  if (on === 'bullmq') return { on, redis, lockMs: lockSeconds * 1000, onTrouble };
  return { on, name: `${name}-${part}`, threads, memory, gpus, time, partition, image, claim };
}
