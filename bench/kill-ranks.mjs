// Kills -9 one of the processes of a training at random moments, goes on with another number of them, and compares what comes out
// with one process that nobody killed. On a tiny pretraining; Linux, with mpirun.
//
//   npm run -s build && node bench/kill-ranks.mjs [--kills 20] [--seed 1]
//
// Prints a line a kill, and the largest difference of a parameter.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readSafetensors } from '../dist/files/index.js';
import { Random } from '../dist/math/index.js';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
});
const script = fileURLToPath(new URL('../src/test/train-together.mjs', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'promptkd-kill-ranks-'));
const recipe = { steps: 50, checkpoint_every: 3, evaluation: { every: 0 } };

function start(processes, folder) {
  const own = [script, 'pretrain', folder, JSON.stringify({ recipe })];
  const flags = ['--oversubscribe', '--bind-to', 'none', '-n', String(processes), process.execPath];
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const child =
    processes === 1
      ? spawn(process.execPath, own, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      : spawn('mpirun', [...flags, ...own], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part) => {
      text += part;
    });
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, text }))) };
}

const params = (folder) =>
  Object.entries(readSafetensors(join(folder, 'state.safetensors')).tensors).filter(
    // Keys' biases cancel in the softmax: their gradients are rounding alone.
    ([name]) => name.startsWith('params/') && !name.endsWith('k_proj.bias'),
  );

const stepsIn = (folder) => {
  const file = join(folder, 'history.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean).length : 0;
};

let worst = 0;
let faults = 0;
try {
  const alone = join(root, 'alone');
  const { code, text } = await start(1, alone).ended;
  if (code !== 0) throw new Error(text);
  const wanted = params(alone);
  for (let kill = 1; kill <= Number(values.kills); kill++) {
    const random = new Random(Number(values.seed), 'kill', kill);
    const folder = join(root, `kill-${kill}`);
    const [processes, next] = [2 + random.int(2), 1 + random.int(3)];
    const at = 1 + random.int(recipe.steps - 5);
    const { child, ended } = start(processes, folder);
    const over = ended.then(() => true);
    while (stepsIn(folder) < at && !(await Promise.race([over, wait(3, false)])));
    await wait(random.uniform(0, 30));
    const ranks = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
    const rank = random.int(ranks.length);
    process.kill(ranks[rank], 'SIGKILL');
    const killed = await ended;
    const after = stepsIn(folder);
    const again = await start(next, folder).ended;
    let difference = Number.NaN;
    if (again.code === 0) {
      const found = Object.fromEntries(params(folder));
      difference = Math.max(
        ...wanted.map(([name, { data }]) =>
          data.reduce((most, x, i) => Math.max(most, Math.abs(x - found[name].data[i])), 0),
        ),
      );
      worst = Math.max(worst, difference);
    }
    const isRight = killed.code !== 0 && again.code === 0 && difference < 1e-6;
    if (!isRight) faults++;
    console.log(
      `${kill}: ${processes} processes, rank ${rank} killed after step ${after} (exit ${killed.code}), ${next} went on: ` +
        (again.code === 0
          ? `largest difference ${difference.toExponential(1)}`
          : `exit ${again.code}: ${again.text.slice(-300)}`),
    );
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${values.kills} kills, ${faults} faults, largest difference ${worst.toExponential(1)}`);
  process.exitCode = faults > 0 ? 1 : 0;
} finally {
  rmSync(root, { recursive: true, force: true });
}
