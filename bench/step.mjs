// Times the same ViT training step on this engine and in PyTorch, in turn, so that both meet the same machine.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/step.mjs [--rounds 3] [--mode prompts] [--batch 8 …]
//
// PROMPTKD_TORCH is a Python that has PyTorch. Without it only our own times are printed.
import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const option = (value) => ({ type: 'string', default: value });
const { values } = parseArgs({
  options: {
    rounds: option('3'),
    mode: option('forward,prompts,full'),
    batch: option('8'),
    layers: option('4'),
    tokens: option('201'),
    width: option('768'),
    heads: option('12'),
    runs: option('5'),
    threads: option(String(availableParallelism())),
  },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const shape = ['batch', 'layers', 'tokens', 'width', 'heads', 'runs', 'threads'].flatMap((name) => [
  `--${name}`,
  values[name],
]);
const run = (file, args) => JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
const ours = (mode) =>
  run(process.execPath, [here('../dist/cli/main.js'), 'bench', 'step', '--mode', mode, ...shape, '--json']);
const torch = (mode) => run(process.env.PROMPTKD_TORCH, [here('vit_step.py'), '--mode', mode, ...shape]);
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

const python = process.env.PROMPTKD_TORCH;
const hasTorch = python !== undefined && spawnSync(python, ['-c', 'import torch']).status === 0;
if (!hasTorch) {
  console.error(
    python
      ? `${python} has no PyTorch: it is left out.`
      : 'PROMPTKD_TORCH names no Python with PyTorch: it is left out.',
  );
}

for (const mode of values.mode.split(',')) {
  const times = { ours: [], torch: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    times.ours.push(ours(mode).ms);
    if (hasTorch) times.torch.push(torch(mode).ms);
  }
  const [mine, theirs] = [median(times.ours), hasTorch ? median(times.torch) : undefined];
  const result = { mode, promptkd_ms: mine, ...(theirs && { torch_ms: theirs, speedup: theirs / mine }) };
  console.log(JSON.stringify(result));
}
