import { UserError } from '../errors.js';

/** The part of koffi that is used; an optional peer dependency, which need not be there. */
interface Koffi {
  load(path: string, options: { readonly lazy: boolean; readonly global: boolean }): KoffiLibrary;
}
interface KoffiLibrary {
  func(signature: string): (...args: unknown[]) => unknown;
}

/** Numbers of MPI's own kinds, as C writes them: pointers, or plain integers. */
export interface MpiHandles {
  readonly world: number;
  readonly float: number;
  readonly byte: number;
  readonly sum: number;
}

/** How handles are written: Open MPI has pointers, MPICH and its relatives integers, the MPI 5 standard fixed pointers. */
type Abi = 'open-mpi' | 'mpich' | 'standard';

/** An MPI library of this machine, before anything is started. */
export interface MpiLibrary {
  /** As it was found: `libmpi.so.40`. */
  readonly file: string;
  readonly abi: Abi;
  /** Its own text on what it is, the first line. */
  readonly version: string;
  /** Binds a C function; `HANDLE` in the signature is how this library writes handles. */
  bind(signature: string): (...args: unknown[]) => number;
  /** Known once MPI has been started. */
  handles(): MpiHandles;
}

/** By the name under which the loader finds them; the standard's first, which fits whatever stands behind it. */
const files = {
  standard: ['libmpi_abi.so.1', 'libmpi_abi.so.0'],
  'open-mpi': ['libmpi.so.40', 'libmpi.40.dylib'],
  mpich: ['libmpi.so.12', 'libmpich.so.12', 'libmpi.12.dylib'],
} as const;

/** What to do on a machine without MPI. */
export const installMpi =
  'install one, such as Debian’s openmpi-bin or mpich, or name its file in PROMPTKD_MPI_LIBRARY';

/**
 * Finds an MPI library by its name, and by its own version text which one it is.
 *
 * @param first the kind that is looked for first: that of the launcher which started this process
 * @throws UserError where koffi or a library is missing, or one is of an unknown kind
 */
export async function findMpi(first?: Exclude<Abi, 'standard'>): Promise<MpiLibrary> {
  const koffi = await loadKoffi();
  const { PROMPTKD_MPI_LIBRARY: named } = process.env;
  const order: readonly Abi[] =
    first === 'open-mpi'
      ? ['open-mpi', 'standard', 'mpich']
      : first
        ? ['standard', 'mpich', 'open-mpi']
        : ['standard', 'open-mpi', 'mpich'];
  const candidates = named ? [named] : order.flatMap((kind) => files[kind]);
  let fault = '';
  for (const file of candidates) {
    try {
      // Global: Open MPI opens plugins that look for its symbols.
      const library = koffi.load(file, { lazy: true, global: true });
      return describe(file, library);
    } catch (error) {
      if (error instanceof UserError) throw error;
      fault = String((error as Error).message).split('\n')[0]!;
    }
  }
  throw new UserError(
    named
      ? `PROMPTKD_MPI_LIBRARY: ${named} cannot be loaded (${fault})`
      : `no MPI library was found (${candidates.join(', ')}): ${installMpi}`,
  );
}

async function loadKoffi(): Promise<Koffi> {
  try {
    const name = 'koffi';
    const loaded = (await import(name)) as { default: Koffi };
    return loaded.default;
  } catch {
    throw new UserError('koffi, which calls MPI, is not installed: npm install koffi');
  }
}

function describe(file: string, library: KoffiLibrary): MpiLibrary {
  const text = new Uint8Array(8192);
  const length = new Int32Array(1);
  library.func('int MPI_Get_library_version(void *text, void *length)')(text, length);
  const whole = new TextDecoder().decode(text.subarray(0, Math.max(0, length[0]!))).replaceAll('\0', '');
  const abi = abiOf(file, whole);
  if (!abi) {
    throw new UserError(
      `${file}: expected Open MPI, MPICH or one of its relatives, or a library of the MPI 5 standard ABI, got "${whole.split('\n')[0]!.slice(0, 80)}"`,
    );
  }
  const bind = (signature: string) =>
    library.func(signature.replaceAll('HANDLE', abi === 'mpich' ? 'int' : 'intptr_t')) as (
      ...args: unknown[]
    ) => number;
  return { file, abi, version: shortVersion(whole), bind, handles: () => handlesOf(abi, bind) };
}

function abiOf(file: string, version: string): Abi | undefined {
  if (/mpi_abi/.test(file)) return 'standard';
  if (/Open MPI/i.test(version)) return 'open-mpi';
  return /MPICH|Intel|MVAPICH|CRAY/i.test(version) ? 'mpich' : undefined;
}

/** `Open MPI v4.1.4`, `MPICH 4.0.2`. */
function shortVersion(text: string): string {
  const mpich = /MPICH Version:\s*(\S+)/.exec(text)?.[1];
  return mpich ? `MPICH ${mpich}` : text.split(/[\n,]/)[0]!.trim().slice(0, 80);
}

function handlesOf(abi: Abi, bind: MpiLibrary['bind']): MpiHandles {
  // MPICH's mpi.h; MPI 5.0, appendix A.1.2.
  if (abi === 'mpich') return { world: 0x44000000, float: 0x4c00040a, byte: 0x4c00010d, sum: 0x58000003 };
  if (abi === 'standard') return { world: 0x101, float: 0x210, byte: 0x247, sum: 0x21 };
  // Fortran's integers, which are the same in all versions.
  const handle = (kind: string, fortran: number) => bind(`HANDLE MPI_${kind}_f2c(int number)`)(fortran);
  return { world: handle('Comm', 0), float: handle('Type', 13), byte: handle('Type', 1), sum: handle('Op', 3) };
}
