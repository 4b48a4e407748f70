#!/usr/bin/env node
import { CommanderError } from 'commander';
import { describeFailure } from './failure.js';
import { buildProgram } from './program.js';

// Whoever reads the output may stop early, as `head` does; a training goes on without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  // Help, version and usage errors have been printed by commander already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const { message, code } = describeFailure(error);
    if (message) process.stderr.write(`promptkd: ${message}\n`);
    process.exitCode = code;
  }
}
