import { availableParallelism, cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '../errors.js';
import { type Group, launchOf, openGroup, placeOnHost } from '../group/index.js';

/** Commands that several processes run together. */
const shared = [
  'distill',
  'extract',
  'pretrain',
  'tune-prompts',
  'cvpr2024',
  'continue',
  'quantize',
  'resume',
  'doctor',
];

/**
 * Refuses a command that one process runs where a launcher has started several: each would do the whole of it, into the same folder.
 *
 * @param command its name
 * @throws UserError where it is none of those that share their work
 */
export function refuseCopies(command: string): void {
  const { size = 1 } = launchOf() ?? {};
  if (size === 1 || shared.includes(command)) return;
  throw new UserError(
    `${command}: one process runs this command, and mpirun or srun has started ${size}: start it without; ${shared.slice(0, 7).join(', ')} share their work`,
  );
}

/** What one of several processes computes with. */
export interface Together {
  /** Undefined for a process by itself. */
  readonly group?: Group;
  /** Its share of the machine's cores; undefined for all. */
  readonly threads?: number;
  /** What slows it down, in a sentence. */
  readonly warning?: string;
}

/**
 * The processes that mpirun or srun has started with this one, and the cores that are left for each on its machine, for each of
 * its ranks of tensor parallelism. Each rank gets a CUDA device of its own, by its place on the machine.
 *
 * @param ranks of each process
 * @throws UserError where they cannot train together
 */
export async function joinGroup(device: string, ranks = 1): Promise<Together> {
  const group = await openGroup();
  if (group.size === 1) return {};
  const { rank, size } = placeOnHost(group);
  if (device === 'cuda') {
    const visible = process.env.CUDA_VISIBLE_DEVICES?.split(',').filter(Boolean) ?? [];
    const places = Array.from({ length: ranks }, (_, i) => rank * ranks + i);
    process.env.CUDA_VISIBLE_DEVICES = places
      .map((place) => (visible.length > 0 ? visible[place % visible.length] : place))
      .join(',');
  }
  const [bound, cores] = [availableParallelism(), cpus().length];
  const fair = Math.max(1, Math.floor(cores / size));
  const warning =
    bound < fair
      ? `each process is bound to ${bound} of the ${cores} cores, where ${fair} would be its share: start mpirun with --bind-to none`
      : undefined;
  return { group, threads: Math.max(1, Math.floor(Math.min(bound, fair) / ranks)), warning };
}

/** How long a process waits before it says what failed; ms. The first one, which fails alike where all do, has said it by then. */
const LATER = 2000;

/**
 * What a failure is begun with where one of several processes says it, once the first one has had the time to say it itself and end
 * all. An MPI launcher ends the others as soon as one ends with an error.
 */
export async function whoFailed(): Promise<string> {
  const rank = launchOf()?.rank ?? 0;
  if (rank === 0) return '';
  await wait(LATER);
  return `rank ${rank}: `;
}
