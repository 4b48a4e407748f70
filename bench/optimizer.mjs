// AdamW over 87 million parameters (a ViT-B/16) three ways: the plain loop that training uses, the same loop in worker
// threads over shared memory, and an ONNX Runtime graph whose results are copied back. Medians of alternating runs.
//
//   npm run build && node bench/optimizer.mjs [--millions 87] [--rounds 5] [--json]
//
// ONNX Runtime refuses shared memory, and gives gradients in memory of its own, so that workers cannot read or write either
// in place: copying gradients in and parameters out is timed with them.
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { adamw } from '../dist/distill/index.js';
import { compile } from '../dist/runtime/index.js';
import { add, div, input, mul, sqrt, square, sub } from '../dist/tensor/index.js';
import { readOptions } from './options.mjs';

const rate = 1e-3;
const [beta1, beta2, epsilon, decay] = [0.9, 0.999, 1e-8, 0.01];
const params = (weights) => ({ w: { shape: [weights.length, 1], data: weights } });

if (isMainThread) await measure();
else await serve();

/** One part of the parameters, updated whenever the main thread asks. */
async function serve() {
  const weights = new Float32Array(workerData.weights);
  const gradient = new Float32Array(workerData.gradient);
  const optimizer = adamw(params(weights));
  let step = 0;
  parentPort.on('message', () => {
    optimizer.update({ w: gradient }, rate, step++);
    parentPort.postMessage(0);
  });
}

async function measure() {
  const values = readOptions({ millions: '87', rounds: '5' });
  const size = Number(values.millions) * 1e6;
  const cores = availableParallelism();
  const filled = (value) => new Float32Array(size).fill(value);

  const plain = { weights: filled(0.1), gradient: filled(1e-3) };
  const optimizer = adamw(params(plain.weights));

  const part = Math.ceil(size / cores);
  const parts = Array.from({ length: cores }, () => ({
    weights: new SharedArrayBuffer(part * 4),
    gradient: new SharedArrayBuffer(part * 4),
  }));
  const workers = parts.map((data) => new Worker(new URL(import.meta.url), { workerData: data }));
  const copied = filled(0);

  const x = (name) => input(name, [size]);
  const g = x('g');
  const m = add(mul(x('m'), beta1), mul(g, 1 - beta1));
  const v = add(mul(x('v'), beta2), mul(square(g), 1 - beta2));
  const corrected = (moment, name) => div(moment, input(name, []));
  const move = div(corrected(m, 'c1'), add(sqrt(corrected(v, 'c2')), epsilon));
  const w = sub(mul(x('w'), 1 - rate * decay), mul(move, rate));
  const graph = await compile({ outputs: { 'next/m': m, 'next/v': v, 'next/w': w } });
  const host = (data) => ({ shape: [size], data });
  const scalar = (value) => ({ shape: [], data: Float32Array.of(value) });
  const fed = { w: host(filled(0.1)), g: host(filled(1e-3)), m: host(filled(0)), v: host(filled(0)) };

  const ways = {
    loop: (step) => optimizer.update({ w: plain.gradient }, rate, step),
    workers: async () => {
      parts.forEach(({ gradient }, i) => {
        new Float32Array(gradient).set(plain.gradient.subarray(i * part, (i + 1) * part));
      });
      await Promise.all(
        workers.map((worker) => {
          const done = new Promise((resolve) => worker.once('message', resolve));
          worker.postMessage(0);
          return done;
        }),
      );
      parts.forEach(({ weights }, i) => {
        const own = new Float32Array(weights);
        copied.set(own.subarray(0, Math.min(part, size - i * part)), i * part);
      });
    },
    graph: async (step) => {
      const corrections = { c1: scalar(1 - beta1 ** (step + 1)), c2: scalar(1 - beta2 ** (step + 1)) };
      const results = await graph.run({ ...fed, ...corrections });
      for (const name of ['m', 'v', 'w']) fed[name].data.set(results[`next/${name}`].data);
    },
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, way] of Object.entries(ways)) {
      const start = performance.now();
      await way(round);
      if (round > 0) times[name].push(performance.now() - start);
    }
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
  for (const [way, all] of Object.entries(times)) {
    const ms = median(all);
    const result = { way, parameters: size, ms, ns_a_parameter: (ms * 1e6) / size };
    console.log(
      values.json
        ? JSON.stringify(result)
        : `${way}: ${ms.toFixed(0)} ms, ${result.ns_a_parameter.toFixed(2)} ns a parameter`,
    );
  }
}
