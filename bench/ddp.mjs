// Two processes that train together, beside PyTorch's DistributedDataParallel over gloo: the same small CLIP, the same batch, one
// thread a process, in turn. Ours also loads and augments its images; PyTorch is given the same tensors at every step.
//
//   npm run -s build && node bench/ddp.mjs --python PYTHON [--rounds 3] [--steps 12] [--batch 32]
//
// PYTHON has torch and a sympy of 1.13 or newer. Prints images a second of every turn, and the medians.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hugePageTunable } from '../dist/runtime/huge-pages.js';
import { machineLine } from './machine.mjs';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '12' },
    batch: { type: 'string', default: '32' },
  },
});
const { steps, batch } = values;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const env = {
  ...process.env,
  ...{ OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
  // For both, as the command line asks for them.
  GLIBC_TUNABLES: hugePageTunable,
};

function said(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(error?.message ?? stderr);
  return stdout.trim().split('\n').at(-1);
}

const turns = {
  ours() {
    const part = [here('scaling.mjs'), '--part', '--steps', steps, '--batch', batch];
    const { total } = JSON.parse(
      said('mpirun', ['--oversubscribe', '--bind-to', 'none', '-n', '2', process.execPath, ...part]),
    );
    return (Number(batch) / total) * 1000;
  },
  PyTorch() {
    const run = ['-m', 'torch.distributed.run', '--nproc-per-node', '2', here('peers/ddp.py'), steps, batch, '1'];
    return Number(said(values.python, run).match(/([\d.]+) images\/s/)[1]);
  },
};

console.log(machineLine);
const found = { ours: [], PyTorch: [] };
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const [who, turn] of Object.entries(turns)) found[who].push(turn());
  console.log(
    `round ${round}: ${Object.keys(turns)
      .map((who) => `${who} ${found[who].at(-1).toFixed(1)} images/s`)
      .join(', ')}`,
  );
}
const median = (list) => [...list].sort((a, b) => a - b)[(list.length - 1) >> 1];
const [ours, theirs] = [median(found.ours), median(found.PyTorch)];
console.log(
  `medians: ours ${ours.toFixed(1)}, PyTorch ${theirs.toFixed(1)} images/s: ${(ours / theirs).toFixed(2)} times`,
);
