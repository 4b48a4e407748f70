import { type LaunchPlan, shellLine } from './plan.js';

/**
 * A batch file for Slurm: an array with one task a job, or one training whose processes `srun` starts over PMIx.
 *
 * Slurm warns two minutes before it ends a job (`--signal`), so that a training saves; `--requeue` starts it again where
 * its machine is taken away, and it goes on.
 */
export function sbatchText({ name, args, array, ...plan }: LaunchPlan): string {
  const { processes, nodes, threads, memory, gpus, time, partition } = plan;
  const directives = {
    'job-name': name,
    output: array ? `${name}-%A_%a.log` : `${name}-%j.log`,
    array: array && `1-${array.jobs}%${array.atOnce}`,
    nodes: array ? 1 : nodes,
    ntasks: array ? 1 : processes,
    'cpus-per-task': threads,
    'mem-per-cpu': `${Math.ceil((memory * 1024) / threads)}M`,
    'gpus-per-task': gpus || undefined,
    time,
    partition,
    signal: 'TERM@120',
    requeue: true,
  };
  const lines = Object.entries(directives).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return value === true ? [`#SBATCH --${key}`] : [`#SBATCH --${key}=${value}`];
  });
  const own = array || args.includes('--threads') ? [] : ['--threads', String(threads)];
  const call = shellLine(['npx', 'promptkd', ...args, ...own]);
  const start = array ? `srun ${call} --job "$SLURM_ARRAY_TASK_ID"` : `srun --mpi=pmix --cpu-bind=none ${call}`;
  return ['#!/bin/bash', ...lines, '', 'set -euo pipefail', 'cd "$SLURM_SUBMIT_DIR"', `exec ${start}`, ''].join('\n');
}
