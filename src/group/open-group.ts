import { UserError } from '../errors.js';
import { type Group, single } from './group.js';
import { startMpi } from './mpi-group.js';
import { findMpi, installMpi } from './mpi-library.js';

type Env = Readonly<Record<string, string | undefined>>;

/** What a launcher says of the processes that it has started. */
interface Launch {
  /** Whose launcher it is; undefined where any library may stand behind it. */
  readonly kind?: 'open-mpi' | 'mpich';
  /** Processes, where it says how many. */
  readonly size?: number;
  /** Which of them this is. */
  readonly rank: number;
}

/** Whether an MPI launcher has started this process, by the variables that it sets. */
export function launchOf(env: Env = process.env): Launch | undefined {
  const number = (name: string) => (env[name] === undefined ? undefined : Number(env[name]));
  const launch = (size: string, rank: string) => ({ size: number(size), rank: number(rank) ?? 0 });
  if (env.OMPI_COMM_WORLD_SIZE) return { kind: 'open-mpi', ...launch('OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK') };
  // Slurm sets it, too, with --mpi=pmi2.
  if (env.PMI_SIZE && env.PMI_RANK) return { kind: 'mpich', ...launch('PMI_SIZE', 'PMI_RANK') };
  // Slurm with --mpi=pmix, and Open MPI 5.
  if (env.PMIX_RANK) return launch('SLURM_STEP_NUM_TASKS', 'PMIX_RANK');
  return undefined;
}

/**
 * The processes that a launcher (mpirun, srun) has started together with this one; a process that was started without is one
 * by itself.
 *
 * @throws UserError where several were started and MPI, or what calls it, is missing, or is another than the launcher's
 * @example
 * import { openDataset, pretrain, pretrainRecipe } from 'promptkd';
 *
 * const dataset = await openDataset('folder:photos');
 * const recipe = pretrainRecipe.parse({ data: { dataset: dataset.name } });
 * await pretrain({ dataset, recipe, runDir: 'runs/mine', engine: { group: await openGroup() } }); // mpirun -n 4 node train.js
 */
export async function openGroup(env: Env = process.env): Promise<Group> {
  const launch = launchOf(env);
  if (!launch || launch.size === 1) return single;
  const started =
    launch.size === undefined ? 'an MPI launcher started this' : `this is one of ${launch.size} processes`;
  const library = await findMpi(launch.kind).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${started}, and it cannot train with others: ${error.message}`);
  });
  const group = startMpi(library);
  if (launch.size !== undefined && group.size !== launch.size) {
    throw new UserError(
      `${started}, but ${library.version} (${library.file}) knows of ${group.size}: it is not the launcher's library. Use the mpirun of the same one, or ${installMpi}`,
    );
  }
  return group;
}
