import { UserError } from '../errors.js';
import { fileFault } from '../files/index.js';

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

/** What the command line says about an error, and its exit code: 2 bad input, 130 or 143 interrupted, 1 a fault of ours. */
export function describeFailure(
  error: unknown,
  debug = Boolean(process.env.PROMPTKD_DEBUG),
): { message: string; code: number } {
  if (error instanceof UserError) return { message: error.message, code: 2 };
  if (error instanceof Interrupted) return { message: error.message, code: error.code };
  if (error instanceof Error && error.name === 'AbortError') return { message: 'interrupted', code: 130 };
  if (!(error instanceof Error)) return { message: String(error), code: 1 };
  const file = missingFile(error);
  if (file) return { message: file, code: 2 };
  if (debug) return { message: error.stack ?? error.message, code: 1 };
  return { message: `unexpected error: ${error.message} (set PROMPTKD_DEBUG=1 for the stack)`, code: 1 };
}

/** A path that does not exist or may not be opened is the user's to mend, wherever it was noticed. */
function missingFile(error: Error): string | undefined {
  const { path } = error as NodeJS.ErrnoException;
  const reason = fileFault(error);
  return path && reason && `${path}: ${reason}`;
}
