// One suite of benchmarks as a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs a script, which prints one JSON object a line, and says what came of it: its `rows`; why it is `skipped`; or why it
 * `failed`, with the rows before that; in `left_out` which parts of it did not run here. What the script says on stderr
 * is shown as it comes.
 *
 * @param script path or URL
 */
export async function runSuite(script, args = []) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [file, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  let [out, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    process.stderr.write(chunk);
    said = (said + chunk).slice(-20_000);
  });
  const { code, signal } = await ended;
  const rows = [];
  const leftOut = new Set();
  for (const line of out.split('\n').filter((line) => line.trim() !== '')) {
    const row = parsed(line);
    if (row === undefined) return { rows, failed: `expected a JSON object a line, got ${line.slice(0, 200)}` };
    if (row.left_out !== undefined) leftOut.add(row.left_out);
    else rows.push(row);
  }
  const left_out = leftOut.size > 0 ? { left_out: [...leftOut] } : {};
  if (code !== 0) {
    const failed = signal ? `killed by ${signal}` : (reason(said) ?? `ended with code ${code}`);
    return { rows, failed, ...left_out };
  }
  const skipped = rows.find((row) => row.skipped !== undefined)?.skipped;
  if (skipped !== undefined) return { skipped };
  return rows.length > 0 ? { rows, ...left_out } : { rows, failed: 'it printed nothing', ...left_out };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The message of the error that ended a script: of Node's report of it, or what it said last. */
function reason(said) {
  const thrown = [...said.matchAll(/^(?:Uncaught )?\w*Error(?: \[\w+\])?: (.+)$/gm)].at(-1);
  return thrown?.[1] ?? (said.trim().split('\n').at(-1) || undefined);
}
