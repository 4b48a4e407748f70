// The CVPR 2024 recipe on the built-in compositional classes, over seeds: base, novel and their harmonic mean for the zero-shot
// student, the prompt-tuned teacher and the PromptKD student, and what they make of drawings and scenes that were not distilled
// on. Prints every seed, or with --json a row a model and figure.
//
//   npm run bench:cvpr2024 [-- --seeds 5 --teacher models/emoji-pairs-teacher --student models/emoji-pairs-features
//     --out runs/bench-cvpr2024 --set FIELD=VALUE --json]
//
// A run that was stopped goes on.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const values = readOptions({
  ...{ seeds: '5', teacher: here('../models/emoji-pairs-teacher'), student: here('../models/emoji-pairs-features') },
  ...{ out: 'runs/bench-cvpr2024', set: undefined },
});
const start = performance.now();
const { status } = spawnSync(
  process.execPath,
  [
    ...[here('../dist/cli/main.js'), 'cvpr2024', '--recipe', here('../recipes/cvpr2024-pairs.yaml')],
    ...['--seeds', values.seeds, '--teacher', values.teacher, '--student', values.student, '--out', values.out],
    ...(values.set ? ['--set', values.set] : []),
  ],
  { stdio: ['ignore', values.json ? 'ignore' : 'inherit', 'inherit'] },
);
if (status !== 0) process.exit(status ?? 1);

if (values.json) {
  const { zero_shot_student, teacher, student, beyond, collapsed_seeds } = JSON.parse(
    readFileSync(join(values.out, 'figures.json'), 'utf8'),
  );
  for (const [model, figures] of Object.entries({ zero_shot_student, teacher, student })) {
    const row = { model, collapsed_seeds };
    const add = (name, { mean, deviation, values: each }) =>
      Object.assign(row, { [name]: mean, [`${name}_deviation`]: deviation, [`${name}_seeds`]: each });
    for (const [split, spread] of Object.entries(figures)) add(split, spread);
    for (const one of beyond) add(`${one.data}: ${one.figure}`, one[model]);
    console.log(JSON.stringify(row));
  }
}
console.error(`whole bench: ${((performance.now() - start) / 60_000).toFixed(1)} min`);
