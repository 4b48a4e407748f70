// Where the time of a training step goes: milliseconds by kernel of ONNX Runtime, what its products reach of the machine's
// peak, and what its optimiser made of the graph, as the number of nodes of each kind before and after. The steps are those of
// step.mjs (`forward`, `prompts`, `full`) and the drawings' distillation step (`distill`). Profiling itself takes time, a few
// microseconds a node.
//
//   npm run build && node bench/profile.mjs [--work forward,prompts,full,distill] [--steps 5] [--threads 2]
//     [--batch 8] [--layers 4] [--tokens 201] [--width 768] [--heads 12] [--json]
//
// `nodes_traced`: as promptkd writes the graph; `nodes`: as ONNX Runtime runs it. An op marked * is one of its own, not of
// ONNX. `share`: of the whole step. GFLOP/s of products are those of their own time.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { openBlockStep } from '../dist/evaluate/bench-step.js';
import { peakGflops } from '../dist/evaluate/peak.js';
import { openDrawingsStep } from './drawings-step.mjs';
import { readOptions, someOf } from './options.mjs';
import { table } from './table.mjs';

const values = readOptions({
  ...{ work: 'forward,prompts,full,distill', steps: '5', threads: '2' },
  ...{ batch: '8', layers: '4', tokens: '201', width: '768', heads: '12' },
});
const works = someOf('work', values.work, ['forward', 'prompts', 'full', 'distill']);
const [steps, threads] = [Number(values.steps), Number(values.threads)];
const shape = Object.fromEntries(
  ['batch', 'layers', 'tokens', 'width', 'heads'].map((name) => [name, Number(values[name])]),
);
const warmUp = 2;

const peak = await peakGflops({ threads });
for (const work of works) {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-profile-'));
  try {
    const rows = await profile(work, folder);
    if (values.json) for (const row of rows) console.log(JSON.stringify(row));
    else console.log(`${table(rows)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The rows of one work; the graphs and the profile are written into the folder. */
async function profile(work, folder) {
  const options = {
    ...{ threads, tracedModelPath: join(folder, 'traced.onnx'), optimizedModelPath: join(folder, 'run.onnx') },
    profilePrefix: join(folder, 'profile'),
  };
  const step = await (work === 'distill' ? openDistillation(folder, options) : openBlocks(work, options));
  const times = [];
  for (let i = 0; i < warmUp + steps; i++) {
    const start = performance.now();
    await step.run();
    if (i >= warmUp) times.push(performance.now() - start);
  }
  await step.dispose();
  const whole = times.reduce((a, b) => a + b) / steps;
  const file = readdirSync(folder).find((name) => name.startsWith('profile_'));
  const { kernels, inRuns } = kernelsOf(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const traced = nodesOf(options.tracedModelPath);
  const run = nodesOf(options.optimizedModelPath);

  const row = (kernel, { before, after, ms, flops = 0 }) => {
    const gflops = flops > 0 ? flops / ms / 1e6 : undefined;
    return {
      ...{ work, kernel, nodes_traced: before, nodes: after, ms, share: ms / whole, gflops },
      share_of_peak: gflops && gflops / peak,
    };
  };
  const rows = [...new Set([...traced.keys(), ...run.keys()])].map((name) => {
    const { ms, flops } = kernels.get(name) ?? { ms: 0 };
    return row(run.own.has(name) || traced.own.has(name) ? `${name}*` : name, {
      ...{ before: traced.get(name) ?? 0, after: run.get(name) ?? 0, ms, flops },
    });
  });
  rows.sort((a, b) => b.ms - a.ms);
  const all = [...kernels.values()];
  const sum = (part) => all.reduce((total, kernel) => total + kernel[part], 0);
  const count = (nodes) => [...nodes.values()].reduce((a, b) => a + b, 0);
  const products = all.filter(({ flops }) => flops > 0).reduce((total, { ms }) => total + ms, 0);
  return [
    ...rows,
    row('all products', { ms: products, flops: sum('flops') }),
    row('all kernels', { before: count(traced), after: count(run), ms: sum('ms') }),
    row('ONNX Runtime between kernels', { ms: inRuns - sum('ms') }),
    row('JavaScript', { ms: whole - inRuns }),
    row('the whole step', { ms: whole, flops: sum('flops') }),
  ];
}

function openBlocks(mode, options) {
  return openBlockStep({ mode, ...shape, ...options });
}

async function openDistillation(folder, options) {
  const { executor, batches } = await openDrawingsStep(folder, { compile: options });
  return {
    run: () => executor.run(0, 1),
    async dispose() {
      await executor.dispose();
      batches.store.close();
    },
  };
}

/** Milliseconds and floating-point operations of one step by kind of kernel, and milliseconds of a whole run. */
function kernelsOf(events) {
  const runs = events.filter(({ name }) => name === 'model_run').slice(warmUp);
  const kernels = new Map();
  for (const { cat, name, ts, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < runs[0].ts) continue;
    const kernel = kernels.get(args.op_name) ?? { ms: 0, flops: 0 };
    kernel.ms += dur / 1000 / runs.length;
    kernel.flops += flopsOf(args) / runs.length;
    kernels.set(args.op_name, kernel);
  }
  return { kernels, inRuns: runs.reduce((sum, { dur }) => sum + dur, 0) / 1000 / runs.length };
}

/** Of a matrix product or a convolution, by the shapes of its inputs and its output; 0 of anything else. */
function flopsOf({ op_name, input_type_shape, output_type_shape }) {
  if (!/MatMul|Gemm|Conv/.test(op_name)) return 0;
  const [a, out] = [input_type_shape[0], output_type_shape[0]].map((typed) => Object.values(typed)[0]);
  const size = (dims) => dims.reduce((x, y) => x * y, 1);
  if (/Conv/.test(op_name)) {
    const weights = Object.values(input_type_shape[1])[0]; // [C_out, C_in, …]
    return (2 * size(out) * size(weights)) / weights[0];
  }
  // [.., M, N] of [.., M, K] and [.., K, N], each transposed or not; the right matrix is not listed where it is a packed weight.
  const [m, n] = out.slice(-2);
  const k = a.length === out.length ? (size(a) * n) / size(out) : size(a) / m;
  return 2 * size(out) * k;
}

/** How many nodes of each kind an ONNX file has; `own`: the kinds that are ONNX Runtime's alone. */
function nodesOf(file) {
  const { graph } = fromBinary(ModelProtoSchema, readFileSync(file));
  const nodes = Object.assign(new Map(), { own: new Set() });
  for (const { opType, domain } of graph.node) {
    nodes.set(opType, (nodes.get(opType) ?? 0) + 1);
    if (domain !== '' && domain !== 'ai.onnx') nodes.own.add(opType);
  }
  return nodes;
}
