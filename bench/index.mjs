// All benchmarks through one entry. Each suite is a script of its own that prints a JSON object a line; here they run one
// after another and come out as tables in the form of docs/benchmarks.md, or as one JSON object.
//
//   npm run bench -- [--only step,memory] [--json]
//
// PROMPTKD_TORCH (a Python that has PyTorch) puts PyTorch beside the suites that know it; PROMPTKD_PEERS (a folder where npm
// installed them) puts the JavaScript peers into `peers`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './machine.mjs';

const suites = {
  step: ['step.mjs', 'One training step of a stack of ViT-B/16 blocks'],
  peers: ['js-peers.mjs', 'A matrix product and a step of one ViT-B/16 block beside TensorFlow.js and jax-js'],
  distill: ['distill.mjs', 'Whole distillation steps of the demo’s pair'],
  stored: [
    'stored-targets.mjs',
    'A CVPR 2024 step, ViT-L/14 → ViT-B/16: stored targets against both teacher towers every step',
  ],
  extract: ['extract.mjs', 'Image features of a ViT-B/16 teacher'],
  memory: ['memory.mjs', 'Memory and time of a ViT-B/16 training step, with recomputation and without'],
  optimizer: ['optimizer.mjs', 'AdamW over 87 million parameters'],
  parallel: ['parallel.mjs', 'A training step split over workers, by width'],
  startup: ['startup.mjs', 'From the command to the first training step'],
  large: ['large.mjs', 'A ViT-L/14 teacher: loading it, and training a ViT-B/16 student with it'],
  gpu: ['gpu.mjs', 'A vision tower’s work on a GPU, by WebGPU'],
  fold: ['fold.mjs', 'Prompts folded into constant keys and values'],
  export: ['export.mjs', 'A model of ViT-B/16’s shape exported, each file compared with the engine'],
};
const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const names = values.only?.split(',') ?? Object.keys(suites);
const unknown = names.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(`--only: ${unknown.join(', ')} is no suite; there are ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}

/** The objects that a script prints, one a line. What it says on stderr is shown as it comes. */
async function rowsOf(script) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
  if (code !== 0) throw new Error(`${script} ended with ${code}`);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A number as people read it. */
function cell(value) {
  if (typeof value === 'number') return Number(value.toPrecision(value >= 100 ? Math.ceil(Math.log10(value)) : 3));
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? '–');
}

function table(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((name) => name.replaceAll('_', ' '))),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((name) => cell(row[name])))),
  ].join('\n');
}

const results = {};
if (!values.json) {
  const { cpu, cores, memory_gb, node, onnxruntime } = machine;
  console.log(`Machine: ${cpu}, ${cores} cores, ${memory_gb} GB; Node ${node}, onnxruntime-node ${onnxruntime}.\n`);
}
for (const name of names) {
  const [script, title] = suites[name];
  results[name] = await rowsOf(script);
  if (!values.json) console.log(`## ${title}\n\n    npm run bench -- --only ${name}\n\n${table(results[name])}\n`);
}
if (values.json) console.log(JSON.stringify({ machine, results }));
