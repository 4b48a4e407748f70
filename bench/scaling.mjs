// How training by several processes scales: a step's time by part for 1 and 2 processes, bandwidth of the sums by size, and from
// these what a ViT-B/16 would do on 1 to 64 machines (docs/distributed.md has the formula).
//
//   npm run -s build && node bench/scaling.mjs [--steps 12] [--batch 32] [--gflops 2000]
//
// --gflops: also for machines of that rate, beside this one's.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openGroup } from '../dist/group/index.js';
import { machineLine } from './machine.mjs';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '12' },
    batch: { type: 'string', default: '32' },
    gflops: { type: 'string', default: '2000' },
    part: { type: 'boolean', default: false },
  },
});
const [steps, batch] = [Number(values.steps), Number(values.batch)];
const own = fileURLToPath(import.meta.url);

if (values.part) await measure();
else {
  console.log(machineLine);
  const found = [1, 2].map((processes) => {
    const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
    const args = [own, '--part', '--steps', values.steps, '--batch', values.batch];
    const mpi = ['--oversubscribe', '--bind-to', 'none', '-n', String(processes), process.execPath];
    const { stdout, stderr, status } = spawnSync('mpirun', [...mpi, ...args], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1));
  });
  print(found);
}

/** A contrastive pretraining of a small ViT on images of noise, as one of the processes. */
async function measure() {
  const { pretrain, pretrainRecipe } = await import('../dist/pretrain/index.js');
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const group = await openGroup();
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-scaling-'));
  const side = 64;
  const examples = Array.from({ length: 4 * batch }, (_, i) => ({ id: String(i), captions: [`image number ${i}`] }));
  const dataset = {
    ...{ name: 'noise', fingerprint: 'noise', kind: 'photos', classes: [], skipped: [], splits: { train: examples } },
    load: async ({ id }) => ({
      ...{ width: side, height: side, channels: 3 },
      data: new Uint8Array(side * side * 3).map((_, i) => (i * 2654435761 * (Number(id) + 1)) >>> 24),
    }),
  };
  const tower = { hidden_size: 256, num_attention_heads: 4 };
  const recipe = pretrainRecipe.parse({
    ...{ batch, steps, evaluation: { every: 0 }, checkpoint_every: 1000 },
    model: {
      vision: { image_size: side, patch_size: 8, ...tower, num_hidden_layers: 6 },
      text: { ...tower, num_hidden_layers: 3, vocab_size: 600 },
    },
  });
  const times = [];
  const before = { ...group.spent };
  let warm = before;
  await pretrain({
    ...{ recipe, dataset, runDir: folder },
    // Each has one thread, so that the same cores are compared per process.
    engine: { threads: 1, group },
    onProgress: ({ overall }) => {
      if (overall === undefined) return;
      times.push(performance.now());
      if (overall === 2) warm = { ...group.spent };
    },
  });
  const counted = times.length - 2;
  const total = (times.at(-1) - times[1]) / counted;
  const [waiting, summing] = ['waiting', 'summing'].map((part) => (group.spent[part] - warm[part]) / counted);
  const sums = [];
  for (const count of [1, 1e3, 1e4, 1e5, 1e6, 1e7]) {
    const data = new Float32Array(count);
    const took = [];
    for (let i = 0; i < 10; i++) {
      const at = group.spent.summing;
      group.allReduce(data);
      took.push(group.spent.summing - at);
    }
    sums.push({ numbers: count, ms: took.sort((a, b) => a - b)[0] });
  }
  if (group.rank === 0) {
    const rates = group.size === 1 ? await ratesHere() : {};
    const parts = { total, compute: total - waiting - summing, summing, waiting };
    console.log(JSON.stringify({ processes: group.size, library: group.library, ...parts, sums, ...rates }));
  }
  rmSync(folder, { recursive: true, force: true });
  group.close();
}

/** Products of one thread in GFLOP/s, and AdamW's time a parameter in ns. */
async function ratesHere() {
  const { compile } = await import('../dist/runtime/index.js');
  const { input, matmul } = await import('../dist/tensor/index.js');
  const { adamw } = await import('../dist/train/index.js');
  const n = 768;
  const data = () => ({ shape: [n, n], data: new Float32Array(n * n).fill(0.01) });
  const program = await compile({ outputs: { c: matmul(input('a', [n, n]), input('b', [n, n])) } }, { threads: 1 });
  const feeds = { a: data(), b: data() };
  const best = async (run) => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 8; i++) {
      const before = performance.now();
      await run();
      least = Math.min(least, performance.now() - before);
    }
    return least / 1000;
  };
  const seconds = await best(() => program.run(feeds));
  await program.dispose();
  const params = { w: { shape: [2e6], data: new Float32Array(2e6) } };
  const optimizer = adamw(params);
  const gradients = { w: new Float32Array(2e6).fill(1e-3) };
  const update = await best(async () => optimizer.update(gradients, 1e-3, 10));
  return { gflops: (2 * n ** 3) / seconds / 1e9, adamw_ns: (update / 2e6) * 1e9 };
}

function print(found) {
  const round = (x) => Number(x.toPrecision(3));
  console.log(
    `\nA step of a small ViT, batch ${batch}, one thread a process (${found[1].library ?? found[0].library}), ms:`,
  );
  console.table(
    found.map(({ processes, total, compute, summing, waiting }) => ({
      ...{
        processes,
        total: round(total),
        compute: round(compute),
        'all-reduce': round(summing),
        wait: round(waiting),
      },
      'images/s': round((batch / total) * 1000),
    })),
  );
  console.log('Sums over 2 processes, the best of 10:');
  console.table(
    found[1].sums.map(({ numbers, ms }) => ({ numbers, ms: round(ms), 'GB/s': round((4 * numbers) / ms / 1e6) })),
  );
  const { gflops, adamw_ns } = found[0];
  console.log(`One thread: ${round(gflops)} GFLOP/s in products, AdamW ${round(adamw_ns)} ns a parameter.`);
  const latency = found[1].sums[0].ms / 1000;
  for (const rate of [gflops * 2, Number(values.gflops)]) {
    console.log(`\nViT-B/16, 64 pairs a machine, machines of ${round(rate)} GFLOP/s: seconds a step (efficiency)`);
    console.table(
      [1, 2, 4, 8, 16, 32, 64].map((machines) => {
        const at = (gbit) => {
          const seconds = predicted({ machines, rate, gbit, latency, adamw: (adamw_ns * 2 * gflops) / rate });
          const alone = predicted({ machines: 1, rate, gbit, latency, adamw: (adamw_ns * 2 * gflops) / rate });
          return `${seconds.toPrecision(3)} (${Math.round((100 * alone) / seconds)} %)`;
        };
        return { machines, '10 Gbit/s': at(10), '100 Gbit/s': at(100) };
      }),
    );
  }
}

/**
 * Seconds of a step: towers over a machine's own pairs, what every machine computes over all of them, and the sums.
 *
 * A CLIP ViT-B/16 has 149.6 M parameters. Forward, a pair takes 2 · 17.6 GFLOP in the vision tower (224 px) and 2 · 3.0 in the text
 * tower (77 tokens); the backward pass takes twice that. Logits are [N, N] of width 512, forward and backward.
 */
function predicted({ machines, rate, gbit, latency, adamw, pairs = 64, parameters = 149.6e6, width = 512 }) {
  const all = machines * pairs;
  const towers = (pairs * 3 * 2 * (17.6 + 3.0)) / rate;
  const whole = (3 * 2 * all * all * width) / 1e9 / rate + parameters * adamw * 1e-9;
  if (machines === 1) return towers + whole;
  const bytes = 4 * (parameters + 2 * 2 * all * width);
  const ring = (2 * (machines - 1)) / machines;
  const pieces = Math.ceil(bytes / 2 ** 22);
  return towers + whole + (ring * bytes) / (gbit * 1.25e8) + (pieces * latency + 6 * latency) * Math.log2(machines);
}
