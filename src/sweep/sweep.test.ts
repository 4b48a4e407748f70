import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type JobSet, runLocal } from '../jobs/index.js';
import { parseSweep, readSweep, runSweep } from './index.js';
import { rungsOf, trialsOf } from './trials.js';

const command = [process.execPath, fileURLToPath(new URL('training.fixture.mjs', import.meta.url))];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-sweep-'));
  process.env.TRAININGS = join(folder, 'trainings');
});
afterEach(async () => {
  delete process.env.TRAININGS;
  await rm(folder, { recursive: true });
});

const trained = async () => (await readFile(join(folder, 'trainings'), 'utf8')).trim().split('\n').sort();
const sweep = (fields: object, run = (set: JobSet) => runLocal(set, { command, workers: 2, backoffMs: 1 })) =>
  runSweep(parseSweep({ call: 'pretrain --data emoji', ...fields }, 'sweep.yaml'), {
    folder: join(folder, 'out'),
    run,
    retries: 0,
  });

it('trains every combination by every seed, once, and ranks them by mean over seeds', async () => {
  const fields = { lr: [0.1, 0.3, 5] };
  const first = await sweep({ fields, seeds: [1, 3] });
  expect(await trained()).toEqual(['0.1 1 1', '0.1 1 3', '0.3 1 1', '0.3 1 3']);
  expect(first!.trials.map(({ trial, mean, deviation }) => [trial, mean?.toFixed(3), deviation?.toFixed(4)])).toEqual([
    [2, '0.460', '0.0141'],
    [1, '0.260', '0.0141'],
    [3, undefined, undefined],
  ]);
  expect(first!.trials[2]!.runs[0]!.fault).toBe('training: total is NaN at step 3');
  expect(first!.best.values).toEqual({ lr: 0.3 });
  // Again: nothing is trained twice, and the table is the same but for the failed trial's time.
  const again = await sweep({ fields, seeds: [1, 3] });
  expect(await trained()).toHaveLength(4);
  expect(again!.best).toEqual(first!.best);
});

it('goes on where it was stopped', async () => {
  const controller = new AbortController();
  const spec = parseSweep({ call: 'pretrain', fields: { lr: [0.1, 0.2, 0.3] } }, 'sweep.yaml');
  const one = { folder: join(folder, 'out'), retries: 0 };
  const stopped = await runSweep(spec, {
    ...one,
    signal: controller.signal,
    run: (set) =>
      runLocal(set, { command, signal: controller.signal, onProgress: (done) => done === 1 && controller.abort() }),
  });
  expect(stopped).toBeUndefined();
  expect(await trained()).toHaveLength(1);
  const whole = await runSweep(spec, { ...one, run: (set) => runLocal(set, { command }) });
  expect(await trained()).toEqual(['0.1 1 1', '0.2 1 1', '0.3 1 1']);
  expect(whole!.best.trial).toBe(3);
});

it('halves: the best third of each rung trains three times as long, and the longest training counts', async () => {
  const result = await sweep({
    fields: { lr: [0.05, 0.1, 0.2, 0.3, 0.4, 0.5] },
    halving: { field: 'steps', from: 2, to: 6, factor: 3 },
  });
  expect(rungsOf({ field: 'steps', from: 100, to: 900, factor: 3 })).toEqual([100, 300, 900]);
  expect(rungsOf({ field: 'steps', from: 100, to: 1000, factor: 3 })).toEqual([111, 333, 1000]);
  expect((await trained()).filter((line) => line.endsWith('6 1'))).toEqual(['0.3 6 1', '0.4 6 1']);
  // What was longest trained stands first, whatever a short training promised.
  expect(result!.trials.map(({ trial, rung, steps }) => `${trial} ${rung} ${steps}`)).toEqual([
    ...['4 2 6', '5 2 6', '6 1 2', '3 1 2', '2 1 2', '1 1 2'],
  ]);
  expect(result!.rungs).toEqual([2, 6]);
});

it('measures by a second call', async () => {
  const result = await sweep({
    fields: { lr: [0.1, 5] },
    ...{ afterwards: 'evaluate {run} --data emoji', measure: 'zero_shot.top1' },
  });
  expect(result!.trials.map(({ mean }) => mean)).toEqual([0.25, undefined]);
});

it('draws by seed: more trials keep those before', () => {
  const drawn = (trials: number, seed = 1) =>
    trialsOf(
      parseSweep(
        {
          ...{ call: 'distill', search: 'random', trials, seed },
          fields: {
            lr: { min: 1e-4, max: 1e-2, scale: 'log' },
            batch: { min: 2, max: 4, whole: true },
            act: ['a', 'b'],
          },
        },
        'sweep.yaml',
      ),
    );
  const many = drawn(60);
  expect(many.slice(0, 5)).toEqual(drawn(5));
  expect(drawn(5, 2)).not.toEqual(drawn(5));
  const of = (field: string) => many.map(({ values }) => values[field] as number);
  expect(new Set(of('batch'))).toEqual(new Set([2, 3, 4]));
  expect(of('lr').every((lr) => lr >= 1e-4 && lr < 1e-2)).toBe(true);
  // Evenly over magnitudes: about half below 1e-3.
  expect(of('lr').filter((lr) => lr < 1e-3).length).toBeGreaterThan(15);
  expect(new Set(of('act'))).toEqual(new Set(['a', 'b']));
});

it.each([
  [{}, 'call: expected a command'],
  [{ call: 'serve x' }, 'call: expected one of distill, pretrain, tune-prompts, cvpr2024'],
  [{ call: 'pretrain --seed 3', fields: { lr: [1] } }, 'call: --seed is given by the sweep; list seeds instead'],
  [{ call: 'pretrain', fields: {} }, 'fields: expected at least one field'],
  [
    { call: 'pretrain', fields: { lr: { min: 0, max: 1, scale: 'log' } } },
    'fields.lr: expected min above 0 on a log scale',
  ],
  [{ call: 'pretrain', fields: { lr: { min: 0, max: 1 } } }, 'fields.lr: a range has no end of values'],
  [{ call: 'pretrain', search: 'random', fields: { lr: [1] } }, 'trials: expected how many are drawn'],
  [{ call: 'pretrain', fields: { lr: [1] }, seed: -1 }, 'seed: expected at least 0, got -1'],
  [{ call: 'pretrain', fields: { lr: [1] }, seeds: [1, 1] }, 'seeds: expected every seed once'],
  [{ call: 'pretrain', fields: { lr: [1] }, afterwards: 'evaluate x' }, 'afterwards: expected {run}'],
  [
    { call: 'pretrain', fields: { steps: [1] }, halving: { from: 1, to: 9 } },
    'halving.field: steps stands among fields',
  ],
  [{ call: 'pretrain', fields: { lr: [1] }, halving: { from: 9, to: 9 } }, 'halving: expected from below to'],
  [{ call: 'pretrain', fields: { lr: [1] }, meassure: 'x' }, 'unknown field meassure; did you mean measure?'],
])('says what is wrong with %j', async (given, message) => {
  const file = join(folder, 'sweep.yaml');
  await writeFile(file, stringify(given));
  await expect(readSweep(file)).rejects.toThrow(`${file}: ${message}`);
});

it('refuses a folder of another sweep, and a recipe that was changed meanwhile', async () => {
  const recipe = join(folder, 'recipe.yaml');
  await writeFile(recipe, 'steps: 1\n');
  await sweep({ recipe, fields: { lr: [0.1] } });
  await expect(sweep({ recipe, fields: { lr: [0.2] } })).rejects.toThrow(
    'sweep.json: holds another sweep (fields was {"lr":[0.1]}, is {"lr":[0.2]})',
  );
  await writeFile(recipe, 'steps: 2\n');
  await expect(sweep({ recipe, fields: { lr: [0.1] } })).rejects.toThrow('recipe.yaml: was changed since the sweep');
});

it('says why where no trial came to an end', async () => {
  await expect(sweep({ fields: { lr: [5] } })).rejects.toThrow(
    'no trial came to an end with evaluation.top1; trial 1: training: total is NaN at step 3',
  );
});

it.each<[string, object, string]>([
  [
    'grids',
    { fields: Object.fromEntries('abcdefgh'.split('').map((name) => [name, [1, 2, 3, 4, 5]])) },
    '390625 trials',
  ],
  [
    'seeds',
    { search: 'random', trials: 10_000, fields: { a: [1] }, seeds: [...Array(11).keys()] },
    '10000 trials by 11',
  ],
  ['long values', { search: 'random', trials: 10_000, fields: { a: ['x'.repeat(20_000)] } }, 'more than 134217728'],
  [
    'long calls',
    { call: `pretrain ${'x '.repeat(2e4)}`, search: 'random', trials: 1e4, fields: { a: [1] } },
    'fields: ',
  ],
])('refuses bombs of %s before anything is planned', (_, spec, message) => {
  expect(() => parseSweep({ call: 'pretrain', ...spec }, 'sweep.yaml')).toThrow(message);
});
