import { type Command, Option } from 'commander';
import type { LaunchPlan } from '../../jobs/index.js';
import { examples, positiveInteger, positiveNumber, wholeNumber } from '../options.js';

const engines = ['mpirun', 'slurm', 'kubernetes'] as const;

interface LaunchOptions {
  readonly on: (typeof engines)[number];
  readonly jobs?: string;
  readonly name: string;
  readonly processes: number;
  readonly nodes: number;
  readonly threads: number;
  readonly memory: number;
  readonly gpus: number;
  readonly time?: string;
  readonly partition?: string;
  readonly atOnce?: number;
  readonly image: string;
  readonly claim: string;
  readonly dryRun?: boolean;
}

export function addLaunch(program: Command): void {
  program
    .command('launch')
    .description('start a training of several processes, or a folder of jobs, with mpirun, Slurm or Kubernetes')
    .addOption(new Option('--on <engine>', 'what starts it').choices([...engines]).makeOptionMandatory())
    .option('--dry-run', 'print the command, batch file or manifest, and start nothing')
    .option('--jobs <folder>', 'folder of jobs make or jobs run: an array with one task per job (slurm, kubernetes)')
    .option('--at-once <n>', 'jobs of an array to run at a time (default: all)', positiveInteger)
    .option('-n, --processes <n>', 'processes of one training', positiveInteger, 2)
    .option('--nodes <n>', 'number of machines', positiveInteger, 1)
    .option('--threads <n>', 'cores of each process', positiveInteger, 4)
    .option('--memory <GiB>', 'memory of each process', positiveNumber, 8)
    .option('--gpus <n>', 'GPUs of each process', wholeNumber, 0)
    .option('--time <h:mm:ss>', 'time limit (slurm)')
    .option('--partition <name>', 'Slurm partition')
    .option('--name <name>', 'name of the job', 'promptkd')
    .option('--image <image>', 'container image: see deploy/Dockerfile (kubernetes)', 'promptkd')
    .option('--claim <name>', 'volume claim that all pods see at /work (kubernetes)', 'promptkd')
    .argument('[call...]', 'the command, after --, without promptkd; not with --jobs')
    .addHelpText(
      'after',
      examples(
        'launch --on mpirun -n 4 --threads 2 --dry-run -- distill --teacher my-clip --data folder:photos --out runs/mine',
        'launch --on slurm -n 8 --nodes 2 --time 4:00:00 -- distill --teacher my-clip --data folder:photos --out runs/mine',
        'launch --on slurm --jobs jobs/embed --at-once 10 --dry-run',
        'launch --on kubernetes --jobs jobs/embed --image registry.local/promptkd --claim shared --dry-run',
      ),
    )
    .action(run);
}

async function run(call: readonly string[], options: LaunchOptions): Promise<void> {
  const { launchPlan, startLaunch, launchText } = await import('../../jobs/index.js');
  const plan: LaunchPlan = await launchPlan(options, call);
  if (options.dryRun) process.stdout.write(launchText(options.on, plan));
  else await startLaunch(options.on, plan);
}
