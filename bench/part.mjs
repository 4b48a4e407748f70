// Parts of a benchmark in processes of their own, so that the most memory of each is its own.
import { fork } from 'node:child_process';

/** Runs the script that runs again with `--part NAME` and further arguments: what it sends back. */
export function runPart(name, args) {
  const child = fork(process.argv[1], ['--part', name, ...args]);
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code, signal) => reject(new Error(`the part ${name} ended with ${signal ?? code}`)));
  });
}
