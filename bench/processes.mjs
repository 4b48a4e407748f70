// What a training comes to by 1, 2 and 4 processes with the same batch: the largest difference of a parameter from one process after
// 50 steps. Tiny models; `src/test/train-together.mjs` has them. Linux, with mpirun.
//
//   npm run -s build && node bench/processes.mjs [--task distill] [--batch 64] [--processes 2,4]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readSafetensors } from '../dist/files/index.js';

const { values } = parseArgs({
  options: {
    task: { type: 'string' },
    batch: { type: 'string', default: '64' },
    processes: { type: 'string', default: '2,4' },
  },
});
const batch = Number(values.batch);
const script = fileURLToPath(new URL('../src/test/train-together.mjs', import.meta.url));
const recipes = {
  pretrain: { batch },
  distill: { batch },
  'tune-prompts': { batch, steps: 50 },
  'continue, bank+ewc': { method: 'bank+ewc', batch, replay: { batch: Math.min(batch, 8) } },
  'continue, lwf': { method: 'lwf', batch },
  'continue, replay': { method: 'replay', batch, replay: { per_class: 8, batch: Math.min(batch, 16) } },
  cvpr2024: {
    tuning: { shots: 16, batch: Math.min(batch, 16), epochs: 13 },
    distillation: { batch, epochs: 50, targets: 'stored', views: 2 },
  },
};
/** Images a class, of five: an epoch of cvpr2024's distillation is one batch of 64. */
const each = Math.max(4, Math.ceil((batch * 5) / 16));

function train(processes, task, folder) {
  mkdirSync(folder, { recursive: true });
  const own = [script, task.split(',')[0], folder, JSON.stringify({ each, recipe: recipes[task] })];
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const flags = ['--oversubscribe', '--bind-to', 'none', '-n', String(processes), process.execPath];
  const [file, args] = processes === 1 ? [process.execPath, own] : ['mpirun', [...flags, ...own]];
  const { status, stderr } = spawnSync(file, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Every state's parameters. Keys' biases are left out: they cancel in the softmax, so that their gradients are rounding alone. */
function parametersIn(folder) {
  const states = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('state.safetensors'));
  return states.flatMap((path) =>
    Object.entries(readSafetensors(join(folder, path)).tensors)
      .filter(([name]) => name.startsWith('params/') && !name.endsWith('k_proj.bias'))
      .map(([name, { data }]) => [join(path, '..', name), data]),
  );
}

const root = mkdtempSync(join(tmpdir(), 'promptkd-processes-'));
try {
  for (const task of values.task ? [values.task] : Object.keys(recipes)) {
    train(1, task, join(root, `${task}-1`));
    const alone = parametersIn(join(root, `${task}-1`));
    for (const processes of values.processes.split(',').map(Number)) {
      const folder = join(root, `${task}-${processes}`);
      train(processes, task, folder);
      const together = Object.fromEntries(parametersIn(folder));
      const rows = alone.map(([name, data]) => [
        data.reduce((most, x, i) => Math.max(most, Math.abs(x - together[name][i])), 0),
        name,
      ]);
      const [most, where] = rows.reduce((a, b) => (b[0] > a[0] ? b : a));
      console.log(
        `${task}: {1 × ${batch}} and {${processes} × ${Number((batch / processes).toFixed(1))}}: ` +
          (most === 0 ? 'the same bits' : `largest difference ${most.toExponential(1)} (${where})`),
      );
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
