// Peak memory and time of a real distillation step, ViT-L/14 → ViT-B/16, random weights: all parameters by all losses of the
// dual-stream recipe from stored targets, with activations kept and recomputed. Each batch is a process of its own, which finds
// the targets extracted; memory is the most that it ever had, with the teacher's weights and texts in it.
//
//   npm run build && node bench/memory-distill.mjs [--batches 4,8] [--steps 3] [--limit 8]
//     [--teacher vit-l-14] [--student vit-b-16] [--json]
//
// `memory_before_mb`: before the step's program is compiled. `largest_batch`: by the line through the batches, in --limit GB.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchLine } from './batch-line.mjs';
import { trainPair, writeTeacher } from './large-pair.mjs';
import { modelNames } from './models.mjs';
import { readOptions, someOf, usage } from './options.mjs';
import { runPart } from './part.mjs';

const values = readOptions({
  ...{ batches: '4,8', steps: '3', limit: '8', teacher: 'vit-l-14', student: 'vit-b-16' },
  ...{ part: undefined, folder: undefined, batch: undefined, images: undefined, recompute: false },
});
for (const role of ['teacher', 'student']) someOf(role, values[role], modelNames);
const batches = values.batches.split(',').map(Number);
if (new Set(batches).size < 2) usage(`--batches ${values.batches}: expected two or more`);
if (values.part) process.send(await part());
else await main();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'promptkd-memory-'));
  try {
    await writeTeacher(folder, values.teacher);
    const run = (batch, steps, more) => {
      const shape = ['--student', values.student, '--images', String(Math.max(...batches))];
      return runPart('step', ['--folder', folder, ...shape, '--batch', String(batch), '--steps', steps, ...more]);
    };
    await run(batches[0], '0', []); // extracts the targets
    for (const recompute of [false, true]) {
      const rows = [];
      for (const batch of batches) rows.push(await run(batch, values.steps, recompute ? ['--recompute'] : []));
      const line = batchLine(rows, Number(values.limit));
      for (const { batch, seconds, memory_before_mb, peak_memory_mb, others_share_at_most } of rows) {
        const row = { recompute, batch, seconds, memory_before_mb, peak_memory_mb, ...line, others_share_at_most };
        console.log(values.json ? JSON.stringify(row) : row);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function part() {
  const [batch, steps, images] = ['batch', 'steps', 'images'].map((name) => Number(values[name]));
  return trainPair({
    folder: values.folder,
    student: values.student,
    batch,
    steps,
    images,
    recompute: values.recompute,
  });
}
