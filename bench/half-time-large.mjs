// A step of ViT-L/14 → ViT-B/16, random weights, all parameters by all losses from stored targets, with all of the student's
// patches and with a part of them dropped, here and in PyTorch on the same weights and batch: the first step's total loss must
// agree. Each share is a process of its own. Seconds are the processor's, a step, the median: on a busy machine, with one thread,
// they are what counts. Memory is the most that a process ever had; ours has the teacher's weights (1.6 GB) in it.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/half-time-large.mjs [--drop 0,0.5,0.75] [--batch 8] [--steps 2]
//     [--teacher vit-l-14] [--student vit-b-16] [--json]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allParams } from '../dist/distill/dual-stream.js';
import { halfToFloat } from '../dist/files/index.js';
import { median } from '../dist/math/quantile.js';
import { paramFeeds } from '../dist/nn/index.js';
import { bilinearMatrix } from '../dist/tensor/index.js';
import { learningRate, openPair, peakMb, writeTeacher } from './large-pair.mjs';
import { modelNames } from './models.mjs';
import { readOptions, someOf } from './options.mjs';
import { runPart } from './part.mjs';
import { mustAgree, startPeer } from './peers.mjs';

const values = readOptions({
  ...{ drop: '0,0.5,0.75', batch: '8', steps: '2', teacher: 'vit-l-14', student: 'vit-b-16' },
  ...{ part: undefined, folder: undefined },
});
for (const role of ['teacher', 'student']) someOf(role, values[role], modelNames);
const [batch, steps] = [Number(values.batch), Number(values.steps)];
if (values.part) process.send(await part(values.folder, Number(values.drop)));
else await main();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-half-time-'));
  try {
    await writeTeacher(folder, values.teacher);
    const same = ['batch', 'steps', 'student'].flatMap((name) => [`--${name}`, values[name]]);
    for (const drop of values.drop.split(',')) {
      const row = await runPart('step', ['--folder', folder, '--drop', drop, ...same]);
      console.log(values.json ? JSON.stringify(row) : row);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function part(folder, drop) {
  const set = [`phases.joint.drop_patches=${drop}`];
  const pair = await openPair({ folder, student: values.student, batch, images: batch, set });
  const peer = await startPeer('distill_step.py', await tensorsOf(pair), {
    ...{ lr: learningRate, recipe: pair.recipe, batches: 1, config: pair.full.config, pairs: pair.full.pairs },
    ...{ prompt: pair.full.prompt.config, teacher_vision: pair.full.teacherConfig.vision_config },
  });
  // One after the other: together they would need the memory of both.
  const theirs = [];
  for (let i = 0; peer && i <= steps; i++) theirs.push(await peer.run(1));
  peer?.close();
  const executor = await pair.open();
  const [{ losses }] = await executor.run(0, 1);
  if (peer) mustAgree('the first step’s total loss', losses.total, theirs[0].total);
  const own = [];
  for (let i = 0; i < steps; i++) {
    const before = process.cpuUsage();
    await executor.run(0, 1);
    const { user, system } = process.cpuUsage(before);
    own.push((user + system) / 1e6);
  }
  await executor.dispose();
  pair.batches.store.close();
  const row = { drop, batch, seconds: median(own), images_a_second: batch / median(own), peak_memory_mb: peakMb() };
  if (!peer) return row;
  const seconds = median(theirs.slice(1).map(({ cpu_ms }) => cpu_ms / 1000));
  const torch = { torch_seconds: seconds, torch_images_a_second: batch / seconds };
  return { ...row, ...torch, torch_peak_memory_mb: theirs.at(-1).peak_memory_mb, ratio: seconds / median(own) };
}

/** What the other side is given: all that is trained, what of the teacher is read beside its targets, the batch, both grids. */
async function tensorsOf({ full, task }) {
  const read = ['vision_model.post_layernorm', 'visual_projection', 'logit_scale'];
  const teacher = Object.entries(full.teacher).filter(([name]) => read.some((start) => name.startsWith(start)));
  const copied = Object.entries({ ...allParams(full), ...paramFeeds(Object.fromEntries(teacher), 'teacher/') });
  const tensors = Object.fromEntries(copied.map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  for (const [name, { shape, data }] of Object.entries(await task.feeds(0)))
    tensors[`batch0/${name}`] = { shape, data: data instanceof Uint16Array ? halfToFloat(data) : data.slice() };
  const grid = ({ vision_config: { image_size: size, patch_size: patch } }) => [size / patch, size / patch];
  const [student, teachers] = [grid(full.config), grid(full.teacherConfig)];
  if (student[0] !== teachers[0]) {
    const matrix = (from, to) => ({ shape: [to[0] * to[1], from[0] * from[1]], data: bilinearMatrix(from, to) });
    tensors['regrid/to_teacher'] = matrix(student, teachers);
    tensors['regrid/to_student'] = matrix(teachers, student);
  }
  return tensors;
}
