// Times the same ViT training step on this engine and in PyTorch, in turn, so that both meet the same machine.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/step.mjs [--rounds 3] [--mode prompts] [--batch 8 …] [--json]
//
// PROMPTKD_TORCH is a Python that has PyTorch. Without it only our own times are printed. A figure is the median over
// the rounds of each process's median; the ratio is PyTorch's time over ours.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { readOptions, someOf } from './options.mjs';
import { findTorch } from './peers.mjs';

const values = readOptions({
  ...{ rounds: '3', mode: 'forward,prompts,full', runs: '5', threads: String(availableParallelism()) },
  ...{ batch: '8', layers: '4', tokens: '201', width: '768', heads: '12' },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const shape = ['batch', 'layers', 'tokens', 'width', 'heads', 'runs', 'threads'].flatMap((name) => [
  `--${name}`,
  values[name],
]);
const run = (file, args) => JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
const ours = (mode) =>
  run(process.execPath, [here('../dist/cli/main.js'), 'bench', 'step', '--mode', mode, ...shape, '--json']);
const torch = (mode) => run(process.env.PROMPTKD_TORCH, [here('peers/vit_step.py'), '--mode', mode, ...shape]);

/** The run with the median time of a step. */
function median(runs) {
  return runs.sort((a, b) => a.ms - b.ms)[runs.length >> 1];
}

const hasTorch = findTorch() !== undefined;

for (const mode of someOf('mode', values.mode, ['forward', 'prompts', 'full'])) {
  const runs = { ours: [], torch: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    runs.ours.push(ours(mode));
    if (hasTorch) runs.torch.push(torch(mode));
  }
  const mine = median(runs.ours);
  // The peak is of the same processes: the best of them, as the machine can do no less.
  const peak = Math.max(...runs.ours.map((run) => run.peak_gflops));
  const shares = { peak_gflops: peak, share_of_peak: mine.gflops / peak };
  const result = { mode, promptkd_ms: mine.ms, promptkd_gflops: mine.gflops, ...shares };
  if (hasTorch) {
    const theirs = median(runs.torch);
    Object.assign(result, { torch_ms: theirs.ms, torch_gflops: theirs.gflops, ratio: theirs.ms / mine.ms });
  }
  console.log(values.json ? JSON.stringify(result) : describe(result));
}

function describe({ mode, promptkd_ms, promptkd_gflops, share_of_peak, torch_ms, torch_gflops, ratio }) {
  const share = `${(share_of_peak * 100).toFixed(0)} % of the fastest product`;
  const own = `${mode}: ${promptkd_ms.toFixed(0)} ms, ${promptkd_gflops.toFixed(0)} GFLOP/s, ${share}`;
  if (ratio === undefined) return own;
  return `${own}; PyTorch ${torch_ms.toFixed(0)} ms, ${torch_gflops.toFixed(0)} GFLOP/s; ${ratio.toFixed(2)} times as fast`;
}
