// Stands in for `promptkd` in tests of sweeps: a training whose accuracy follows from its fields, seed and steps, and a measurement.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const args = process.argv.slice(2);
const flag = (name) => args[args.indexOf(name) + 1];
const fields = Object.fromEntries(
  args
    .flatMap((word, i) => (args[i - 1] === '--set' ? [word.split('=')] : []))
    .map(([name, x]) => [name, JSON.parse(x)]),
);
if (args[0] === 'evaluate') {
  console.log(JSON.stringify({ zero_shot: { top1: 0.25 } }));
} else {
  const run = flag('--out');
  const { lr, steps = 1 } = fields;
  if (lr > 1) {
    console.error('training: total is NaN at step 3');
    process.exit(2);
  }
  mkdirSync(run, { recursive: true });
  appendFileSync(process.env.TRAININGS, `${lr} ${steps} ${flag('--seed')}\n`);
  writeFileSync(join(run, 'model'), '');
  // Best at 0.1; a large rate is best early.
  const top1 = 0.5 - Math.abs(lr - (steps > 2 ? 0.1 : 0.36)) + 0.01 * Number(flag('--seed'));
  console.log(JSON.stringify({ evaluation: { top1 } }));
}
