// One update of 87 million parameters (a ViT-B/16). AdamW four ways: the single pass that training uses (WebAssembly's SIMD, one
// core), the same in worker threads over shared memory, a plain JavaScript loop, and an ONNX Runtime graph that writes into the
// arrays it was fed; SGD with momentum, an exponential moving average of the parameters and the gradients' norm as training
// computes them. Medians of alternating runs.
//
//   npm run build && node bench/optimizer.mjs [--millions 87] [--rounds 5] [--json]
//
// `gb_s`: bytes that the update must read and write, by its time; `of_copy`: as a share of what copying an array reaches in
// the same run (two bytes moved for each copied; the better of one thread and a thread a core). ONNX Runtime refuses shared
// memory, and gives gradients in memory of its own, so that workers cannot read or write either in place: copying gradients in
// and parameters out is in their time, but not in what must be moved.
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ortTensor } from '../dist/runtime/ort-tensor.js';
import { release } from '../dist/runtime/release.js';
import { openSession } from '../dist/runtime/session.js';
import { input, toOnnx } from '../dist/tensor/index.js';
import { gradientNorm } from '../dist/train/coordinate.js';
import { adamw, sgd } from '../dist/train/index.js';
import { averageInto } from '../dist/train/moving-average.js';
import { readOptions } from './options.mjs';
import { alternate, mustAgree, threads } from './peers.mjs';

const rate = 1e-3;
const params = (weights) => ({ w: { shape: [weights.length, 1], data: weights } });

if (isMainThread) await measure();
else serve();

/** One part of the parameters, updated or copied whenever the main thread asks. */
function serve() {
  const weights = new Float32Array(workerData.weights);
  const gradient = new Float32Array(workerData.gradient);
  const optimizer = adamw(params(weights));
  const works = {
    update: (step) => optimizer.update({ w: gradient }, rate, step),
    copy: () => gradient.set(weights),
  };
  parentPort.on('message', ({ work, step }) => {
    works[work](step);
    parentPort.postMessage(0);
  });
}

async function measure() {
  const values = readOptions({ millions: '87', rounds: '5' });
  const size = Number(values.millions) * 1e6;
  const filled = (value) => new Float32Array(size).fill(value);
  const gradient = filled(1e-3);
  const other = filled(0);

  const cores = availableParallelism();
  const part = Math.ceil(size / cores);
  const parts = Array.from({ length: cores }, () => {
    const data = { weights: new SharedArrayBuffer(part * 4), gradient: new SharedArrayBuffer(part * 4) };
    new Float32Array(data.weights).fill(0.1);
    return data;
  });
  const workers = parts.map((data) => new Worker(new URL(import.meta.url), { workerData: data }));
  const all = (message) =>
    Promise.all(
      workers.map((worker) => {
        const done = new Promise((resolve) => worker.once('message', resolve));
        worker.postMessage(message);
        return done;
      }),
    );

  const onePass = filled(0.1);
  const inPlace = adamw(params(onePass));
  const loop = { weights: filled(0.1), m: filled(0), v: filled(0) };
  const inWorkers = filled(0);
  const graph = await openGraph(filled(0.1), gradient);
  const sgdWeights = filled(0.1);
  const momentum = sgd(params(sgdWeights), { momentum: 0.9, weightDecay: 5e-4 });
  const average = params(filled(0.1));

  // What must be read and written of a parameter: `moved` numbers.
  const ways = {
    'copy, one thread': { moved: 2, run: () => other.set(gradient) },
    'copy, a thread a core': { moved: 2, run: () => all({ work: 'copy' }) },
    'AdamW, one pass': { moved: 7, run: (step) => inPlace.update({ w: gradient }, rate, step) },
    'AdamW, workers': {
      moved: 7,
      run: async (step) => {
        parts.forEach((data, i) => {
          new Float32Array(data.gradient).set(gradient.subarray(i * part, (i + 1) * part));
        });
        await all({ work: 'update', step });
        parts.forEach((data, i) => {
          inWorkers.set(new Float32Array(data.weights).subarray(0, Math.min(part, size - i * part)), i * part);
        });
      },
    },
    'AdamW, JavaScript': { moved: 7, run: (step) => adamwLoop(loop, gradient, step) },
    'AdamW, graph': { moved: 7, run: graph.update },
    'SGD with momentum': { moved: 5, run: (step) => momentum.update({ w: gradient }, rate, step) },
    'moving average': { moved: 3, run: () => averageInto(average, params(sgdWeights), 0.999) },
    norm: { moved: 1, run: () => gradientNorm({ w: gradient }) },
  };
  const steps = Object.fromEntries(Object.keys(ways).map((way) => [way, 0]));
  for (const way of Object.keys(ways)) await ways[way].run(steps[way]++);
  for (const at of [0, part - 1, size - 1]) {
    for (const [where, weights] of Object.entries({ inWorkers, inJavaScript: loop.weights, inGraph: graph.weights })) {
      mustAgree(`AdamW of parameter ${at} ${where}`, onePass[at], weights[at], 1e-6);
    }
  }
  const sides = Object.fromEntries(
    Object.entries(ways).map(([way, { run }]) => [
      way,
      async () => {
        const start = performance.now();
        await run(steps[way]++);
        return performance.now() - start;
      },
    ]),
  );
  const ms = await alternate(sides, Number(values.rounds));
  await Promise.all([graph.dispose(), ...workers.map((worker) => worker.terminate())]);

  const speed = (way) => (4 * ways[way].moved * size) / ms[way] / 1e6; // GB/s
  const copy = Math.max(speed('copy, one thread'), speed('copy, a thread a core'));
  for (const way of Object.keys(ways)) {
    const row = { way, parameters: size, ms: ms[way], ns_a_parameter: (ms[way] * 1e6) / size };
    Object.assign(row, { gb_s: speed(way), of_copy: speed(way) / copy });
    console.log(values.json ? JSON.stringify(row) : row);
  }
}

/** AdamW of one array with its default decay, in double precision as JavaScript counts. */
function adamwLoop({ weights, m, v }, gradient, step) {
  const [beta1, beta2] = [0.9, 0.999];
  const corrected = rate / (1 - beta1 ** (step + 1));
  const inverseRoot = 1 / Math.sqrt(1 - beta2 ** (step + 1));
  const keep = 1 - rate * 0.01;
  for (let i = 0; i < weights.length; i++) {
    const g = gradient[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    weights[i] = keep * weights[i] - (corrected * m[i]) / (Math.sqrt(v[i]) * inverseRoot + 1e-8);
  }
}

/** AdamW as a graph over parameters, moments and a gradient, whose results are fetched into the arrays that were fed. */
async function openGraph(weights, gradient) {
  const optimizer = adamw(params(weights));
  const { traced } = optimizer;
  const { 'm/w': m, 'v/w': v } = optimizer.state();
  const arrays = { w: weights, m: m.data, v: v.data };
  const whole = (name) => input(name, [weights.length]);
  const scalars = traced.scalars(input('rate', []), input('step', []));
  const after = traced.update(traced.group('w'), Object.keys(arrays).map(whole), whole('g'), scalars);
  const outputs = Object.fromEntries(Object.keys(arrays).map((name, i) => [`after/${name}`, after[i]]));
  const session = await openSession(toOnnx({ outputs }).bytes, 'cpu', { threads });
  const tensor = (data) => ortTensor({ shape: [data.length], data });
  const scalar = (value) => ortTensor({ shape: [], data: Float32Array.of(value) });
  const fed = Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, tensor(data)]));
  const fetches = Object.fromEntries(Object.entries(fed).map(([name, array]) => [`after/${name}`, array]));
  return {
    weights,
    async update(step) {
      const feeds = { ...fed, g: tensor(gradient), rate: scalar(rate), step: scalar(step) };
      const results = await session.run(feeds, fetches);
      // ONNX Runtime returns copies besides.
      for (const { data } of Object.values(results)) release(data.buffer);
    },
    dispose: () => session.release(),
  };
}
