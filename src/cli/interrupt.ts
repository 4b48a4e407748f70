import { Interrupted } from './failure.js';

/**
 * A signal that the first Ctrl-C aborts, so that a run can finish its step and save; the second kills at once,
 * because the handler is gone by then.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    process.stderr.write('\nStopping after this step; press Ctrl-C again to quit at once.\n');
    controller.abort(new Interrupted('interrupted'));
  });
  return controller.signal;
}

/**
 * Runs work that saves when the signal is aborted; after Ctrl-C it fails with how to go on.
 *
 * @throws whatever else the work fails with, also after Ctrl-C: what could not be saved is not saved
 */
export async function resumable<T>(folder: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = interruptSignal();
  const interrupted = () => new Interrupted(`interrupted; ${folder} is saved, the same command goes on from there`);
  const result = await work(signal).catch((error: unknown) => {
    throw signal.aborted && isAbort(error, signal) ? interrupted() : error;
  });
  if (signal.aborted) throw interrupted();
  return result;
}

/** Node's own functions reject with an error of theirs instead of the signal's reason. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
