// The CVPR 2024 recipe on the built-in drawings: base, novel and their harmonic mean, over seeds, for the zero-shot student,
// the prompt-tuned teacher and the PromptKD student.
//
//   npm run bench:cvpr2024 [-- --seeds 3 --teacher models/emoji-teacher --student FOLDER --out runs/bench-cvpr2024 --json]
//
// Without --student a small CLIP is pre-trained first (recipes/pretrain-emoji-small.yaml). A run that was stopped goes on.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const values = readOptions({
  ...{ seeds: '3', teacher: here('../models/emoji-teacher'), student: undefined, out: 'runs/bench-cvpr2024' },
});
const start = performance.now();

function promptkd(args, stdio) {
  const { status } = spawnSync(process.execPath, [here('../dist/cli/main.js'), ...args], { stdio });
  if (status !== 0) process.exit(status ?? 1);
}

const small = join(values.out, 'small');
if (!values.student) {
  const recipe = here('../recipes/pretrain-emoji-small.yaml');
  promptkd(['pretrain', '--recipe', recipe, '--out', small], ['ignore', 'ignore', 'inherit']);
}
promptkd(
  [
    ...['cvpr2024', '--recipe', here('../recipes/cvpr2024-emoji.yaml'), '--seeds', values.seeds],
    ...['--teacher', values.teacher, '--student', values.student ?? join(small, 'model'), '--out', values.out],
  ],
  ['ignore', values.json ? 'ignore' : 'inherit', 'inherit'],
);
if (values.json) {
  const { zero_shot_student, teacher, student } = JSON.parse(readFileSync(join(values.out, 'figures.json'), 'utf8'));
  for (const [model, figures] of Object.entries({ zero_shot_student, teacher, student })) {
    const row = { model };
    for (const [split, { mean, deviation }] of Object.entries(figures)) {
      row[split] = mean;
      if (deviation !== undefined) row[`${split}_deviation`] = deviation;
    }
    console.log(JSON.stringify(row));
  }
}
console.error(`${((performance.now() - start) / 60_000).toFixed(1)} minutes in all`);
