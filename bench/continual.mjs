// Learning task after task on the built-in drawings: five artists one after the other, and the base concepts in five groups,
// by every method, over seeds and orders. Every run is printed, none is chosen.
//
//   node bench/continual.mjs [--only domains --seeds 3 --orders 2 --steps 25 --student models/emoji-student --out runs/bench-continual]
//
// A run that was stopped or killed goes on.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const values = readOptions({
  ...{ only: 'domains,classes', seeds: '3', orders: '2', steps: '300', out: 'runs/bench-continual' },
  student: here('../models/emoji-student'),
});
for (const scenario of values.only.split(',')) {
  const { status } = spawnSync(
    process.execPath,
    [
      ...[here('../dist/cli/main.js'), 'continual', '--recipe', here(`../recipes/continual-${scenario}.yaml`)],
      ...['--student', values.student, '--seeds', values.seeds, '--orders', values.orders],
      ...['--set', `steps=${values.steps}`, '--out', join(values.out, scenario), ...(values.json ? ['--json'] : [])],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (status !== 0) process.exit(status ?? 1);
}
