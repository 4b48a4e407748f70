import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BusyError, UserError } from '../errors.js';
import { fileFault } from '../files/faults.js';
import { printable } from '../printable.js';

/** Ctrl-C or SIGTERM after which the run was saved: the message says how to go on. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  /** @param code exit code: 128 and the signal's number, as a shell has it */
  constructor(
    message: string,
    readonly code = 130,
  ) {
    super(message);
  }
}

/**
 * What the command line says about an error, and its exit code: 2 bad input or a machine that has too little of something,
 * 75 somebody else is at it, 130 or 143 interrupted, 1 a fault of ours.
 */
export function describeFailure(
  error: unknown,
  debug = Boolean(process.env.PROMPTKD_DEBUG),
): { message: string; code: number } {
  const { message, code } = describe(error, debug);
  return { message: printable(message), code };
}

function describe(error: unknown, debug: boolean): { message: string; code: number } {
  if (error instanceof BusyError) return { message: error.message, code: 75 };
  if (error instanceof UserError) return { message: error.message, code: 2 };
  if (error instanceof Interrupted) return { message: error.message, code: error.code };
  if (error instanceof Error && error.name === 'AbortError') return { message: 'interrupted', code: 130 };
  if (!(error instanceof Error)) return { message: String(error), code: 1 };
  const reason = fileReason(error) ?? shortage(error);
  if (reason) return { message: reason, code: 2 };
  if (debug) return { message: error.stack ?? error.message, code: 1 };
  return { message: `unexpected error: ${error.message} (set PROMPTKD_DEBUG=1 for the stack)`, code: 1 };
}

/** What the file system refuses is the user's to mend, wherever it was noticed. */
function fileReason(error: Error): string | undefined {
  const { path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  const reason = fileFault(error);
  const named = dest ?? path;
  return reason && (named === undefined ? reason : `${named}: ${reason}`);
}

/** What a machine says in many words where a process may have no more memory, threads or open files. */
function shortage(error: Error): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const { message } = error;
  if (
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    code === 'ERR_MEMORY_ALLOCATION_FAILED' ||
    /Array buffer allocation failed|bad_?alloc|[Ff]ailed to allocate|[Oo]ut of memory|Cannot allocate memory/.test(
      message,
    )
  ) {
    return `not enough memory (${firstLine(message)}): allow this process more, or take a smaller batch or model`;
  }
  if (/Invalid (typed )?array (buffer )?length|Invalid string length|ERR_BUFFER_TOO_LARGE/.test(message)) {
    return `not enough memory (${firstLine(message)}): something is larger than one array may be; take a smaller batch or model`;
  }
  // Node says that it cannot find a module, or the file that its package names, where it could not open it.
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /'([^']+)'/.exec(message)?.[1] : undefined;
  if (missing !== undefined && existsSync(dirname(missing))) return fileFault({ code: 'EMFILE' });
  if (code === 'EAGAIN' || code === 'ERR_WORKER_INIT_FAILED') {
    return `the system gives this process no more threads or processes (${firstLine(message)}): allow more with ulimit -u`;
  }
  return undefined;
}

const firstLine = (text: string) => text.split('\n')[0]!.slice(0, 200);
