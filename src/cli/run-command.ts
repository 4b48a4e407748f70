import { CommanderError } from 'commander';
import { describeFailure } from './failure.js';
import { buildProgram } from './program.js';

/**
 * Runs one command line, prints what there is to say, and sets the exit code of this process.
 *
 * @param argv as in `process.argv`: the command begins at its third place
 */
export async function runCommand(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    // Help, version and usage errors have been printed by commander already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      const { message, code } = describeFailure(error);
      const { whoFailed } = await import('./together.js');
      const who = await whoFailed();
      if (message) process.stderr.write(`promptkd: ${who}${message}\n`);
      process.exitCode = code;
    }
  }
}
