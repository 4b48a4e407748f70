#!/usr/bin/env node
import type { Socket } from 'node:net';
import { askForHugePages } from '../runtime/huge-pages.js';

const { argv } = process;
// Before anything else is loaded, which would be loaded twice.
if (argv.length > 2 && !argv.some((arg) => ['--help', '-h', '--version', 'help'].includes(arg))) askForHugePages();
const { runCommand } = await import('./run-command.js').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EMFILE') throw error;
  process.stderr.write('promptkd: too many open files: allow more with ulimit -n\n');
  process.exit(2);
});

// Whoever reads the output may stop early, as `head` does; a training goes on without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

if (process.env.PROMPTKD_JOB) {
  // A job: its supervisor holds the other end of this pipe. Where that was killed, somebody else will run the job.
  process.stdin.resume().once('close', () => process.kill(process.pid, 'SIGTERM'));
  (process.stdin as Socket).unref();
}

await runCommand(argv);
