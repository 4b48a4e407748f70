// The drawings' distillation by two processes with one thread each, here over MPI and in PyTorch over gloo, in turn: the joint phase of
// recipes/distill-emoji.yaml from the same weights and batches, with the optimizer. The total loss of the first step must agree.
// PyTorch's batches stand ready in memory, ours are read from the store.
//
// Two comparisons, as in distill.mjs: the step alone, PyTorch with stored targets, too; and the whole work, where PyTorch runs the
// teacher's image tower at every step, as the public code does, and ours bears its share of the extraction that the recipe asks for.
//
//   npm run -s build && node bench/ddp-distill.mjs --python PYTHON [--rounds 3] [--steps 20]
//
// PYTHON has torch and a sympy of 1.13 or newer.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../dist/files/index.js';
import { openGroup } from '../dist/group/index.js';
import { GroupReduce } from '../dist/train/group-reduce.js';
import { openDrawingsStep, peerJob, shippedRecipe } from './drawings-step.mjs';
import { machineLine } from './machine.mjs';
import { readOptions } from './options.mjs';
import { mustAgree } from './peers.mjs';

const values = readOptions({ python: 'python3', rounds: '3', steps: '20', part: undefined });
const steps = Number(values.steps);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

if (values.part) await ours(values.part);
else {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-ddp-'));
  try {
    await compare(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One of the processes: steps on the targets that stand in the folder. */
async function ours(folder) {
  const group = await openGroup();
  const { reduce } = new GroupReduce(group, () => false);
  const { executor, batches } = await openDrawingsStep(folder, { compile: { threads: 1, group }, reduce });
  const [first] = await executor.run(0, 2);
  const [began, before] = [performance.now(), process.cpuUsage()];
  await executor.run(2, steps - 2);
  const ms = (performance.now() - began) / (steps - 2);
  const { user, system } = process.cpuUsage(before);
  const cpu = Float32Array.of((user + system) / 1000 / (steps - 2));
  group.allReduce(cpu);
  await executor.dispose();
  batches.close();
  if (group.rank === 0) console.log(JSON.stringify({ ms, cpu: cpu[0], total: first.losses.total }));
  group.close();
}

async function compare(folder) {
  const opened = await openDrawingsStep(folder);
  const job = join(folder, 'job.safetensors');
  const { tensors, settings } = peerJob(opened, { steps });
  await writeSafetensors(job, tensors, { metadata: { settings: JSON.stringify({ threads: 1, ...settings }) } });
  await opened.executor.dispose();
  opened.batches.close();

  const mpirun = ['--oversubscribe', '--bind-to', 'none', '-n', '2', process.execPath, here('ddp-distill.mjs')];
  const torchrun = ['-m', 'torch.distributed.run', '--nproc-per-node', '2', here('peers/distill_step.py'), job];
  const turns = {
    promptkd: () => said('mpirun', [...mpirun, '--part', folder, '--steps', values.steps]),
    'PyTorch, stored targets': () => said(values.python, [...torchrun, values.steps, 'stored']),
    'PyTorch, live teacher': () => said(values.python, [...torchrun, values.steps, 'live']),
  };
  console.log(machineLine);
  const [found, spent] = [0, 1].map(() => Object.fromEntries(Object.keys(turns).map((who) => [who, []])));
  const { batch } = opened.recipe;
  for (let round = 1; round <= Number(values.rounds); round++) {
    const totals = {};
    for (const [who, turn] of Object.entries(turns)) {
      const { ms, cpu, total } = turn();
      found[who].push(ms);
      spent[who].push(cpu);
      totals[who] = total;
    }
    for (const who of Object.keys(turns))
      mustAgree(`${who}: the first step’s total loss`, totals.promptkd, totals[who]);
    const line = Object.keys(turns).map(
      (who) =>
        `${who} ${((batch * 1000) / found[who].at(-1)).toFixed(1)} images/s (processor ${spent[who].at(-1).toFixed(0)} ms a step)`,
    );
    console.log(`round ${round}: ${line.join(', ')}`);
  }
  const median = (list) => [...list].sort((a, b) => a - b)[(list.length - 1) >> 1];
  const [own, stored, live] = Object.keys(turns).map((who) => median(found[who]));
  const shipped = await shippedRecipe();
  const run = opened.phases.reduce((sum, phase) => sum + phase.steps, 0);
  const share = (opened.dataset.splits[shipped.data.split].length * shipped.views * opened.extractMs) / run;
  console.log(`the step, targets stored by both: ${(stored / own).toFixed(2)} times`);
  console.log(
    `the whole work, PyTorch with a live teacher: ${(live / (own + share)).toFixed(2)} times (${share.toFixed(0)} ms a step for the extraction)`,
  );
}

/** What a command's last line says. */
function said(file, args) {
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const { status, stdout, stderr, error } = spawnSync(file, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(error?.message ?? stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}
