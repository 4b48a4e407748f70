#!/usr/bin/env node
import type { Socket } from 'node:net';
import { askForHugePages } from '../runtime/huge-pages.js';

const { argv } = process;
// Before anything else is loaded, which would be loaded twice.
if (argv.length > 2 && !argv.some((arg) => ['--help', '-h', '--version', 'help'].includes(arg))) askForHugePages();
const [{ CommanderError }, { describeFailure }, { buildProgram }] = await Promise.all([
  import('commander'),
  import('./failure.js'),
  import('./program.js'),
]);

// Whoever reads the output may stop early, as `head` does; a training goes on without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (process.env.PROMPTKD_JOB) {
  // A job: its supervisor holds the other end of this pipe. Where that was killed, somebody else will run the job.
  process.stdin.resume().once('close', () => process.kill(process.pid, 'SIGTERM'));
  (process.stdin as Socket).unref();
}

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
