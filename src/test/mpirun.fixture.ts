import { execFile, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Why processes cannot train together here; undefined where they can. */
export function withoutMpi(): string | undefined {
  try {
    execFileSync('mpirun', ['--version'], { stdio: 'pipe' });
  } catch {
    return 'mpirun is not installed (Debian: openmpi-bin)';
  }
  try {
    createRequire(import.meta.url).resolve('koffi');
  } catch {
    return 'koffi is not installed';
  }
  return undefined;
}

const openMpi = () => execFileSync('mpirun', ['--version']).toString().includes('Open MPI');

/**
 * Runs `train-together.mjs` with its arguments by so many processes.
 *
 * @param options.fileBlocks largest file that they may write, in KiB: as on a disk that is full
 * @param options.patience seconds that mpirun leaves processes which it ends, twice: each time it waits them out
 * @returns what they printed, and the exit code
 */
export function trainTogether(
  count: number,
  task: string,
  folder: string,
  options: Readonly<Record<string, unknown>> & { readonly fileBlocks?: number; readonly patience?: number } = {},
) {
  const script = fileURLToPath(new URL('./train-together.mjs', import.meta.url));
  const patience = ['--mca', 'odls_base_sigkill_timeout', String(options.patience ?? 1)];
  // Other tests run beside: a process that waits for another leaves them its core.
  const yielding = ['--mca', 'mpi_yield_when_idle', '1'];
  const flags = openMpi() ? ['--oversubscribe', '--bind-to', 'none', ...patience, ...yielding] : [];
  const limited = options.fileBlocks ? ['bash', '-c', `ulimit -f ${options.fileBlocks}; exec "$@"`, 'bash'] : [];
  const node = [...limited, process.execPath, script, task, folder, JSON.stringify(options)];
  const [file, args] = count === 1 ? [node[0]!, node.slice(1)] : ['mpirun', [...flags, '-n', String(count), ...node]];
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  return new Promise<{ code: number; text: string }>((resolve) => {
    execFile(file, args, { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr }),
    );
  });
}
