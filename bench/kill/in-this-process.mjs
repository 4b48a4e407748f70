const { runCommand } = await import(new URL('../../dist/cli/run-command.js', import.meta.url));

/** Runs a command line without the time that a process takes to start. @returns its exit code, and all it printed */
export async function inThisProcess(args) {
  const write = [process.stdout.write, process.stderr.write];
  let said = '';
  const hear = (chunk, ...rest) => {
    said += chunk;
    for (const done of rest) if (typeof done === 'function') done();
    return true;
  };
  const kept = process.exitCode;
  try {
    process.exitCode = 0;
    [process.stdout.write, process.stderr.write] = [hear, hear];
    await runCommand([process.execPath, 'promptkd', ...args]);
    return { code: Number(process.exitCode), said };
  } finally {
    [process.stdout.write, process.stderr.write] = write;
    process.exitCode = kept;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  }
}
