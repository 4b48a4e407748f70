import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { UserError } from '../../errors.js';
import { readJobSet } from '../job-set.js';
import { kubernetesYaml } from './kubernetes.js';
import { mpirunCommand } from './mpirun.js';
import { type LaunchPlan, shellLine } from './plan.js';
import { sbatchText } from './slurm.js';

/** What starts processes on several machines. */
export type Launcher = 'mpirun' | 'slurm' | 'kubernetes';

/** What a launch is asked for. */
export interface LaunchWish extends Omit<LaunchPlan, 'args' | 'array'> {
  readonly on: Launcher;
  /** Folder of jobs. */
  readonly jobs?: string;
  readonly atOnce?: number;
}

/**
 * Completes and checks what is asked for.
 *
 * @param call arguments of `promptkd`
 * @throws UserError for a call and a folder of jobs, or neither; a name or time that the engine does not take; or machines
 * that cannot share the processes evenly
 */
export async function launchPlan(
  { on, jobs, atOnce, ...wish }: LaunchWish,
  call: readonly string[],
): Promise<LaunchPlan> {
  if ((jobs === undefined) === (call.length === 0))
    throw new UserError('expected a call behind --, or --jobs FOLDER, one of them');
  if (!/^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(wish.name))
    throw new UserError(`--name: expected small letters, digits and -, at most 52, got ${wish.name.slice(0, 60)}`);
  if (wish.time !== undefined && !/^(\d+-)?\d{1,3}(:[0-5]\d){1,2}$/.test(wish.time))
    throw new UserError(`--time: expected hours, minutes and seconds, as 4:00:00, got ${wish.time.slice(0, 40)}`);
  if (wish.partition !== undefined && !/^[\w.,-]+$/.test(wish.partition))
    throw new UserError(`--partition: expected a name, got ${wish.partition.slice(0, 40)}`);
  if (wish.nodes > wish.processes || wish.processes % wish.nodes !== 0)
    throw new UserError(`--nodes ${wish.nodes}: expected a divisor of the ${wish.processes} processes`);
  if (jobs === undefined) return { ...wish, args: call };
  if (on === 'mpirun') throw new UserError('--jobs: mpirun starts one training; run jobs with promptkd jobs run');
  const set = await readJobSet(jobs);
  const array = {
    jobs: set.jobs.length,
    atOnce: Math.min(atOnce ?? set.jobs.length, set.jobs.length),
    retries: set.retries,
  };
  return { ...wish, args: ['jobs', 'work', jobs], array };
}

/** The command, batch file or manifest. */
export function launchText(on: Launcher, plan: LaunchPlan): string {
  if (on === 'mpirun') return `${shellLine(mpirunCommand(plan))}\n`;
  return on === 'slurm' ? sbatchText(plan) : kubernetesYaml(plan);
}

/**
 * Starts it: by mpirun here, or handed over to Slurm or Kubernetes.
 *
 * @throws UserError where their program is missing, or ends with an error
 */
export async function startLaunch(on: Launcher, plan: LaunchPlan): Promise<void> {
  const commands = { mpirun: mpirunCommand(plan), slurm: ['sbatch'], kubernetes: ['kubectl', 'apply', '-f', '-'] };
  const [program, ...args] = commands[on];
  const child = spawn(program!, args, { stdio: [on === 'mpirun' ? 'inherit' : 'pipe', 'inherit', 'inherit'] });
  const closed = once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const install = {
      mpirun: 'apt-get install openmpi-bin',
      slurm: 'use a login node of the cluster',
      kubernetes: 'install kubectl',
    };
    throw new UserError(`${program}: not found on this machine: ${install[on]}, or print it with --dry-run`);
  });
  // A program that is not there takes no input.
  child.stdin?.on('error', () => {});
  child.stdin?.end(launchText(on, plan));
  const [code, signal] = await closed;
  if (code !== 0) throw new UserError(`${program} ended with ${signal ?? `code ${code}`}: its own words are above`);
}
