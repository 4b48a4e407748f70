// Start-up: the command line's help, a training's first step from nothing, and tracing and session creation of a
// ViT-B/16 training program (its vision tower, all gradients). Medians.
//
//   npm run build && node bench/startup.mjs [--rounds 3] [--json]
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initClip, visionTower } from '../dist/clip/index.js';
import { median } from '../dist/math/quantile.js';
import { paramInputs } from '../dist/nn/index.js';
import { compile } from '../dist/runtime/index.js';
import { grad, input, mean, square, toOnnx } from '../dist/tensor/index.js';
import { imageOnly, vitB16 } from './models.mjs';
import { readOptions } from './options.mjs';

const values = readOptions({ rounds: '3' });
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const rounds = Number(values.rounds);
const print = (what, ms) => console.log(values.json ? JSON.stringify({ what, ms }) : `${what}: ${ms.toFixed(0)} ms`);
const timed = async (work) => {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
};

print('promptkd --help', await timed(() => execFileSync(process.execPath, [main, '--help'])));

const folder = mkdtempSync(join(tmpdir(), 'promptkd-startup-'));
let run = 0;
/** Until the first line of progress that names a step; the run is ended then. */
const firstStep = (...args) =>
  new Promise((resolve, reject) => {
    const flags = [...args, '--out', join(folder, String(run++)), '--json'];
    const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (/"phase":"pretrain"/.test(text)) child.kill('SIGKILL');
    });
    child.once('exit', (_, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`ended before its first step: ${text}`)),
    );
  });
try {
  const teacher = fileURLToPath(new URL('../models/emoji-teacher', import.meta.url));
  print(
    'to the first step of training the drawings’ teacher further',
    await timed(() => firstStep('pretrain', '--from', teacher, '--set', 'batch=16', '--set', 'steps=5')),
  );
} finally {
  rmSync(folder, { recursive: true });
}

const config = imageOnly(vitB16);
const params = initClip(config, 1);
const trace = () => {
  const p = paramInputs(params);
  const { embed } = visionTower(p, config, input('pixels', [8, 3, 224, 224]));
  const loss = mean(square(embed));
  const names = Object.keys(p).filter((name) => name.startsWith('vis'));
  const gradients = grad(
    loss,
    names.map((name) => p[name]),
  );
  return { loss, ...Object.fromEntries(names.map((name, i) => [`d/${name}`, gradients[i]])) };
};
print('ViT-B/16: tracing and writing ONNX', await timed(() => toOnnx({ outputs: trace(), fused: true })));
print(
  'ViT-B/16: tracing and session creation',
  await timed(async () => (await compile({ outputs: trace() })).dispose()),
);
