import type { LaunchPlan } from './plan.js';

/**
 * The command that starts one training's processes by Open MPI, MPICH or Intel MPI.
 *
 * Bound to one core each, as Open MPI does it by itself, processes would have no threads.
 */
export function mpirunCommand({ processes, threads, args }: LaunchPlan): string[] {
  const own = args.includes('--threads') ? [] : ['--threads', String(threads)];
  return ['mpirun', '-n', String(processes), '--bind-to', 'none', 'npx', 'promptkd', ...args, ...own];
}
