// A ViT-L/14 teacher of random weights: how long it takes to load and how much memory, then a ViT-B/16 student trained with
// it, all its parameters by all losses of the dual-stream recipe from stored targets: seconds a step and peak memory. Each
// part is a process of its own; memory is the most that the process ever had.
//
//   npm run build && node bench/large.mjs [--batch 8] [--steps 3] [--teacher vit-l-14] [--student vit-b-16] [--json]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadWeights } from '../dist/clip/index.js';
import { peakMb, trainPair, writeTeacher } from './large-pair.mjs';
import { modelNames } from './models.mjs';
import { readOptions, someOf } from './options.mjs';
import { runPart } from './part.mjs';

const values = readOptions({
  ...{ batch: '8', steps: '3', teacher: 'vit-l-14', student: 'vit-b-16', part: undefined, folder: undefined },
});
for (const role of ['teacher', 'student']) someOf(role, values[role], modelNames);
const parts = { load, train: trainStudent };
if (values.part) process.send(await parts[values.part](values.folder));
else await main();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-large-'));
  try {
    await writeTeacher(folder, values.teacher);
    for (const part of Object.keys(parts)) {
      const same = ['batch', 'steps', 'student'].flatMap((name) => [`--${name}`, values[name]]);
      const row = { part, ...(await runPart(part, ['--folder', folder, ...same])) };
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

function trainStudent(folder) {
  const [batch, steps] = [Number(values.batch), Number(values.steps)];
  return trainPair({ folder, student: values.student, batch, steps, images: batch });
}
