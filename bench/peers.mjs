// Other libraries beside our own side, step by step in turn, so that both meet the same machine.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../dist/files/index.js';
import { median } from '../dist/math/quantile.js';
import { watched } from './disturbance.mjs';
import { leaveOut } from './options.mjs';

export const threads = availableParallelism();

/** The Python that PROMPTKD_TORCH names, where it has PyTorch; otherwise it is left out. */
export function findTorch() {
  const python = process.env.PROMPTKD_TORCH;
  if (python && spawnSync(python, ['-c', 'import torch']).status === 0) return python;
  leaveOut(python ? `PyTorch: ${python} has none` : 'PyTorch: PROMPTKD_TORCH names no Python that has it');
  return undefined;
}

/**
 * Starts a script of `peers/` on tensors and settings (see `peers/job.py`).
 *
 * @returns undefined without PyTorch; `run(steps, way)` gives milliseconds a step, and what the last one gave
 */
export async function startPeer(script, tensors, settings) {
  const python = findTorch();
  if (!python) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-peer-'));
  const file = join(folder, 'job.safetensors');
  await writeSafetensors(file, tensors, { metadata: { settings: JSON.stringify({ threads, ...settings }) } });
  const path = fileURLToPath(new URL(`peers/${script}`, import.meta.url));
  const child = spawn(python, [path, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script} ended before it answered`);
    return JSON.parse(value);
  };
  await next(); // it has read the file
  rmSync(folder, { recursive: true });
  return {
    run: (steps, way = '') => {
      child.stdin.write(`${steps} ${way}\n`);
      return next();
    },
    close: () => child.stdin.end(),
    ids: [child.pid],
  };
}

/** The same work must give the same number. @throws where it does not, so that no time of other work is reported. */
export function mustAgree(what, ours, theirs, tolerance = 1e-3) {
  if (Math.abs(ours - theirs) <= tolerance * Math.abs(ours)) return;
  throw new Error(`${what}: ${ours} here, ${theirs} there: the two sides do not compute the same`);
}

/** A run counts where other processes took less of the machine than this. */
const CALM = 0.06;

/**
 * Medians of alternating runs. A run that other processes disturbed is taken again, up to twice as many times as there are
 * runs; after that it counts, and a sentence on stderr says so.
 *
 * @param sides functions that run once and give the milliseconds of one step, by name
 * @param warmUp rounds that are not counted
 * @param peer whose processor time is ours too: `ids` are its processes
 */
export async function alternate(sides, rounds, { warmUp = 1, peer } = {}) {
  const names = Object.keys(sides);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  const children = peer?.ids ?? [];
  let spare = 2 * rounds * names.length;
  let disturbed = 0;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      let run = await watched(sides[name], children);
      if (round < 0) continue;
      for (; run.others > CALM && spare > 0; spare--) run = await watched(sides[name], children);
      if (run.others > CALM) disturbed++;
      times[name].push(run.result);
    }
  }
  if (disturbed > 0) {
    console.error(
      `Disturbed: other processes took over ${CALM * 100} % of the machine in ${disturbed} runs that count.`,
    );
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}
