import { Interrupted } from '../failure.js';
import { sayLine } from './live-lines.js';

/**
 * SIGUSR1 and SIGUSR2 are what Slurm is asked to warn with, and what mpirun hands on without ending the processes itself. Node would
 * open its debugger at SIGUSR1.
 */
const signals = { SIGINT: 130, SIGTERM: 143, SIGUSR1: 138, SIGUSR2: 140 } as const;

/** Takes the handlers of the command before away, where one process runs several commands one after the other. */
let leave = () => {};

/**
 * A signal that the first Ctrl-C, SIGTERM, SIGUSR1 or SIGUSR2 aborts, so that a run can finish its step and save; the second kills at once,
 * because the handlers are gone by then. A command asks for one signal: the next one takes its place.
 *
 * @param quiet for one of several processes, of which another says it
 */
export function interruptSignal(quiet = false): AbortSignal {
  leave();
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    leave();
    const line =
      name === 'SIGINT' ? 'Stopping after this step; press Ctrl-C again to quit at once.' : 'Stopping after this step.';
    if (!quiet) sayLine(line);
    controller.abort(new Interrupted('interrupted', signals[name as keyof typeof signals]));
  };
  leave = () => {
    for (const each of Object.keys(signals)) process.off(each, stop);
  };
  for (const each of Object.keys(signals)) process.on(each, stop);
  return controller.signal;
}

/**
 * Runs work (or none, which gives back nothing) that saves when the signal is aborted; where it was stopped by Ctrl-C or SIGTERM it fails with how to go on.
 *
 * @throws whatever else the work fails with, also after Ctrl-C: what could not be saved is not saved
 */
export async function resumable<T extends { readonly finished: boolean } | undefined>(
  folder: string,
  work: (signal: AbortSignal) => Promise<T>,
  quiet = false,
): Promise<T> {
  const signal = interruptSignal(quiet);
  const interrupted = () => {
    // Of several processes another one may have been told to stop.
    const code = (signal.reason as Interrupted | undefined)?.code ?? signals.SIGTERM;
    return new Interrupted(`interrupted; ${folder} is saved, promptkd resume ${folder} goes on from there`, code);
  };
  const result = await work(signal).catch((error: unknown) => {
    throw signal.aborted && isAbort(error, signal) ? interrupted() : error;
  });
  if (result?.finished === false) throw interrupted();
  return result;
}

/** Node's own functions reject with an error of theirs instead of the signal's reason. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
