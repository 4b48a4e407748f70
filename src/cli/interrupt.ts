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

/** Runs work that saves when the signal is aborted; after Ctrl-C it fails with how to go on. */
export async function resumable<T>(folder: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = interruptSignal();
  const interrupted = () => new Interrupted(`interrupted; ${folder} is saved, the same command goes on from there`);
  try {
    const result = await work(signal);
    if (signal.aborted) throw interrupted();
    return result;
  } catch (error) {
    throw signal.aborted ? interrupted() : error;
  }
}
