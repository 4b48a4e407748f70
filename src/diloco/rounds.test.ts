import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { distill } from '../distill/index.js';
import { readSafetensors } from '../files/index.js';
import type { Params } from '../nn/index.js';
import { pretrain, pretrainRecipe } from '../pretrain/index.js';
import { compileOptions, dataset, recipe as distillation, teacher } from '../test/colours.fixture.js';
import { long } from '../test/long.fixture.js';
import { writeStateFile } from '../train/checkpoint-state.js';
import { type MergeOptions, mergeRound, type RunOptions, type RunResult } from '../train/index.js';
import { shareFile } from '../train/rounds/round-files.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-rounds-'));
});
afterEach(() => rmSync(root, { recursive: true }));

type Given = Pick<RunOptions<never>, 'runDir' | 'rounds' | 'signal' | 'onProgress'>;
const engine = compileOptions;
const small = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
const recipe = pretrainRecipe.parse({
  ...{ batch: 4, steps: 6, ema: 0.5, checkpoint_every: 100, evaluation: { every: 0 } },
  model: {
    projection_dim: 8,
    vision: { image_size: 16, patch_size: 8, ...small },
    text: { vocab_size: 540, ...small },
  },
  optimizer: { lr: 3e-3, warmup_steps: 1 },
});
const phases = { warmup: { steps: 0 }, prompt: { steps: 2, lr: 3e-3 }, joint: { steps: 3, lr: 3e-3 } };
const short = distillation({ phases });
const pretraining = (given: Given) => pretrain({ ...given, recipe, dataset, engine });
const distilling = (given: Given) => distill({ ...given, recipe: short, dataset, teacher, engine });

interface Wish extends MergeOptions {
  readonly replicas: number;
  readonly localSteps: number;
  /** Replicas whose share is lost, by round. */
  readonly lost?: Readonly<Record<number, readonly number[]>>;
}

/** The rounds as jobs would run them. @returns the shares of each round, and the run's result */
async function inRounds(
  train: (given: Given) => Promise<RunResult>,
  { replicas, localSteps, lost = {}, ...outer }: Wish,
) {
  const rounds = { folder: join(root, 'rounds'), replicas, localSteps };
  const shares: (readonly number[])[] = [];
  for (let round = 1; ; round++) {
    for (let replica = 1; replica <= replicas; replica++) {
      if (lost[round]?.includes(replica)) continue;
      const runDir = join(root, `replica-${replica}`);
      expect((await train({ runDir, rounds: { ...rounds, share: { round, replica } } })).finished).toBe(false);
    }
    const merged = await mergeRound(rounds.folder, round, outer);
    shares.push(merged.shares);
    if (merged.step < merged.steps) continue;
    const result = await train({ runDir: join(root, 'run'), rounds });
    if (result.finished) return { shares, result };
  }
}

const tensorsOf = (path: string) =>
  Object.fromEntries(Object.entries(readSafetensors(path).tensors).map(([name, { data }]) => [name, [...data]]));
const plain = { replicas: 1, lr: 1, momentum: 0 };

it('one replica with outer rate 1 and no momentum is plain training, bit for bit', async () => {
  await pretraining({ runDir: join(root, 'plain') });
  const { shares } = await inRounds(pretraining, { ...plain, localSteps: 4 });
  expect(shares).toEqual([[1], [1]]);
  for (const file of ['state.safetensors', 'model/model.safetensors'])
    expect(tensorsOf(join(root, 'run', file)), file).toEqual(tensorsOf(join(root, 'plain', file)));
});

it.runIf(long)('so is a distillation by phases', async () => {
  await distilling({ runDir: join(root, 'plain') });
  const { shares } = await inRounds(distilling, { ...plain, localSteps: 2 });
  expect(shares).toHaveLength(1 + 2); // of 2 and 3 steps
  for (const file of ['student/model.safetensors', 'phase-joint/state.safetensors'])
    expect(tensorsOf(join(root, 'run', file)), file).toEqual(tensorsOf(join(root, 'plain', file)));
});

it('a lost replica costs its share of the round, and comes back with what the others found', async () => {
  const { shares, result } = await inRounds(pretraining, { replicas: 2, localSteps: 2, lost: { 2: [2] } });
  expect(shares).toEqual([[1, 2], [1], [1, 2]]);
  expect(result).toMatchObject({ finished: true, steps: 6 });
  const { data } = readSafetensors(join(root, 'run/model/model.safetensors')).tensors.logit_scale!;
  expect(Number.isFinite(data[0])).toBe(true);
});

it('replicas see other images, and one that was stopped in the middle of its share goes on with it', async () => {
  const rounds = { folder: join(root, 'rounds'), replicas: 2, localSteps: 4 };
  const share = (replica: number) => ({ ...rounds, share: { round: 1, replica } });
  await pretraining({ runDir: join(root, '1'), rounds: share(1) });
  await pretraining({ runDir: join(root, '2'), rounds: share(2) });
  const found = (replica: number) => tensorsOf(shareFile(rounds.folder, 1, replica));
  const whole = found(2);
  expect(whole['start/logit_scale']).toEqual(found(1)['start/logit_scale']);
  expect(whole['params/logit_scale']).not.toEqual(found(1)['params/logit_scale']);
  const controller = new AbortController();
  const again = { runDir: join(root, 'again'), rounds: share(2) };
  const onProgress = ({ overall }: { readonly overall?: number }) => void (overall === 2 && controller.abort());
  await pretraining({ ...again, signal: controller.signal, onProgress });
  rmSync(shareFile(rounds.folder, 1, 2));
  await pretraining(again);
  expect(found(2)).toEqual(whole);
  // Another replica's state is no state of this one.
  await expect(pretraining({ ...again, rounds: share(1) })).rejects.toThrow(
    'another recipe or other data (replica was 2, is 1)',
  );
});

const array = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

/** Hands in a share of round and replica: parameters that have moved by `change`. */
function handIn(round: number, replica: number, start: number[], change: number[], more: Record<string, string> = {}) {
  const params = { w: array(...start.map((x, i) => x + change[i]!)) };
  const state = { params, optimizer: { 'm/w': array(replica, replica) }, task: {}, averaged: {} };
  const metadata = { phase: 'p', fingerprint: 'f', bounds: '{"w":9}', round: String(round), steps: '8', ...more };
  const own: Params = round === 1 ? { 'start/w': array(...start) } : {};
  return writeStateFile(shareFile(root, round, replica), state, { step: 4 * round, seconds: 1 }, metadata, own);
}

it('merges by SGD with Nesterov momentum on the mean change, and keeps bounds', async () => {
  const [lr, mu] = [0.7, 0.9];
  let [theta, b] = [
    [1, 8.9],
    [0, 0],
  ];
  for (const [round, changes] of [
    [
      1,
      [
        [0.5, 1],
        [0.25, 1],
      ],
    ],
    [
      2,
      [
        [-0.5, 0.25],
        [0.125, 0],
      ],
    ],
  ] as const) {
    for (const [i, change] of changes.entries()) await handIn(round, i + 1, theta, [...change]);
    const { path, step } = await mergeRound(root, round);
    expect(step).toBe(4 * round);
    const delta = theta.map((_, i) => -(changes[0][i]! + changes[1][i]!) / 2);
    b = b.map((x, i) => mu * x + delta[i]!); // PyTorch: buf = momentum · buf + grad; grad = grad + momentum · buf
    theta = theta.map((x, i) => Math.min(9, x - lr * (delta[i]! + mu * b[i]!)));
    const tensors = tensorsOf(path);
    for (const [i, x] of theta.entries()) expect(tensors['params/w']![i]).toBeCloseTo(x, 5);
    expect(tensors['optimizer/m/w']).toEqual([1.5, 1.5]);
    theta = tensors['params/w']!;
  }
  // Again: what is merged stays.
  expect((await mergeRound(root, 1)).shares).toEqual([1, 2]);
});

it('says what is wrong with shares', async () => {
  await expect(mergeRound(root, 1)).rejects.toThrow('expected at least one replica’s share of round 1, found none');
  await handIn(1, 1, [1, 2], [0, 0]);
  await handIn(1, 2, [1, 2], [0, 0], { fingerprint: 'g' });
  await expect(mergeRound(root, 1)).rejects.toThrow(
    /replica-00002\.safetensors: fingerprint is g, that of .* is f: replicas train/,
  );
  await expect(
    pretrain({
      runDir: root,
      dataset,
      recipe: { ...recipe, minutes: 1 },
      rounds: { folder: root, replicas: 1, localSteps: 1 },
    }),
  ).rejects.toThrow('minutes: every replica would count steps');
});
