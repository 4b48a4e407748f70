// A ViT-L/14 teacher of random weights: how long it takes to load and how much memory, then a ViT-B/16 student trained with
// it, all its parameters by all losses of the dual-stream recipe from stored targets: seconds a step and peak memory. Each
// part is a process of its own; memory is the most that the process ever had.
//
//   npm run build && node bench/large.mjs [--batch 8] [--steps 3] [--json]
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadRecipe } from '../dist/cli/recipe-file.js';
import { clipConfigJson, loadTokenizer, loadWeights } from '../dist/clip/index.js';
import { openDataset } from '../dist/data/index.js';
import { prepare } from '../dist/distill/distill.js';
import { dualStreamTask } from '../dist/distill/dual-stream-task.js';
import { adamw, distillRecipe, train } from '../dist/distill/index.js';
import { writeSafetensors } from '../dist/files/index.js';
import { watched } from './disturbance.mjs';
import { randomClip } from './models.mjs';
import { readOptions } from './options.mjs';
import { median } from './peers.mjs';

const values = readOptions({ batch: '8', steps: '3', part: undefined, folder: undefined });
const peakMb = () => process.resourceUsage().maxRSS / 1024;
const parts = { load, train: trainStudent };
if (values.part) process.send(await parts[values.part](values.folder));
else await main();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-large-'));
  try {
    const { config, params } = randomClip('vit-l-14');
    writeFileSync(join(folder, 'config.json'), JSON.stringify(clipConfigJson(config)));
    await writeSafetensors(join(folder, 'model.safetensors'), params);
    for (const part of Object.keys(parts)) {
      const flags = ['--part', part, '--folder', folder, '--batch', values.batch, '--steps', values.steps];
      const child = fork(fileURLToPath(import.meta.url), flags);
      const result = await new Promise((resolve, reject) => {
        child.once('message', resolve);
        child.once('exit', (code) => reject(new Error(`${part} ended with ${code}`)));
      });
      const row = { part, ...result };
      console.log(values.json ? JSON.stringify(row) : row);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function load(folder) {
  const start = performance.now();
  await loadWeights(folder);
  return { seconds: (performance.now() - start) / 1000, peak_memory_mb: peakMb() };
}

async function trainStudent(folder) {
  const recipe = await loadRecipe(distillRecipe, {
    set: [
      ...[`batch=${values.batch}`, 'views=1', 'student.init=random', 'student.projection_dim=512'],
      'student.vision={hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12, patch_size: 16}',
      'student.text={hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 12, num_attention_heads: 8}',
      ...['losses.feature.embedding_map=learned', 'texts.classes_per_step=16'],
    ],
  });
  const emoji = await openDataset('emoji');
  const classes = emoji.classes.slice(0, 32);
  const drawings = emoji.splits.train.filter(({ label }) => label < classes.length).slice(0, recipe.batch);
  const dataset = { ...emoji, classes, splits: { train: drawings } };
  // Weights without a vocabulary of their own: the shipped teacher's has the same kind of tokens, only fewer.
  const tokenizer = await loadTokenizer(fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)));
  const teacher = { ...(await loadWeights(folder)), tokenizer };
  const before = performance.now();
  const { full, batches, phases } = await prepare({ teacher, dataset, recipe, runDir: join(folder, 'run') });
  const extraction = (performance.now() - before) / 1000;
  const task = await dualStreamTask(full, batches, phases.at(-1));
  const optimizer = adamw(task.params);
  const times = [];
  let others = 0;
  const steps = Number(values.steps);
  for (let step = -1; step < steps; step++) {
    const start = performance.now();
    const run = await watched(() => train(task, { steps: 1, optimizer, learningRate: () => 1e-5 }));
    if (step < 0) continue;
    times.push((performance.now() - start) / 1000);
    others = Math.max(others, run.others);
  }
  await task.dispose();
  batches.store.close();
  const seconds = median(times);
  return {
    ...{ batch: recipe.batch, seconds, peak_memory_mb: peakMb(), targets_and_start_seconds: extraction },
    others_share_at_most: others,
  };
}
