import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { Random } from '../math/random.js';
import { add, input, mul, square, sub, sum, type Tensor } from '../tensor/index.js';
import { adamw } from './adamw.js';
import { type LoopOptions, train } from './loop.js';
import { warmupCosine } from './schedule.js';
import type { Task } from './task.js';

const steps = 20;
let runDir = '';
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-loop-'));
});
afterEach(() => rmSync(runDir, { recursive: true }));

/** Minimises ‖w − noise(batch)‖² and carries a running mean of w, as batch norm does. */
function quadratic(poisonAt?: number): Task & { seen: Float32Array } {
  const [w, mean, noise] = ['w', 'mean', 'noise'].map((name) => input(name, [2, 3])) as [Tensor, Tensor, Tensor];
  const total = sum(square(sub(w, noise)));
  const seen = new Float32Array(6);
  return {
    params: { w: { shape: [2, 3], data: new Float32Array(6).fill(2) } },
    parameters: { w },
    losses: { total },
    groups: [{ name: 'total', loss: total }],
    frozen: {},
    async feeds(batch) {
      const random = new Random(7, 'noise', batch);
      const data = Float32Array.from({ length: 6 }, () => 0.1 * random.normal());
      if (batch === poisonAt) data[3] = Number.NaN;
      return { noise: { shape: [2, 3], data } };
    },
    imagesPerBatch: 6,
    carried: { mean: { array: { shape: [2, 3], data: seen }, after: add(mul(mean, 0.9), mul(w, 0.1)) } },
    seen,
  };
}

const options = (task: Task, more: Partial<LoopOptions> = {}): LoopOptions => ({
  steps,
  optimizer: adamw(task.params),
  learningRate: warmupCosine({ peak: 0.1, steps, warmupSteps: 3 }),
  clipNorm: 5,
  ema: 0.9,
  fingerprint: '{"seed":7}',
  ...more,
});

/** Stops after update `step`. */
function stopAt(step: number): Pick<LoopOptions, 'signal' | 'onStep'> {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onStep: (event) => {
      if (event.step === step) controller.abort();
    },
  };
}

describe('train', () => {
  it('lowers the loss and reports', async () => {
    const task = quadratic();
    const losses: number[] = [];
    const result = await train(task, options(task, { onStep: (e) => void losses.push(e.losses.total!) }));
    expect(result).toMatchObject({ finished: true, step: steps });
    expect(losses).toHaveLength(steps);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 4);
    expect(result.averaged.w!.data).not.toEqual(task.params.w!.data);
  });

  it('stopped twice and resumed, ends with the same bits as uninterrupted', async () => {
    const whole = quadratic();
    const expected = await train(whole, options(whole));

    const first = quadratic();
    const stopped = await train(first, options(first, { runDir, ...stopAt(5) }));
    expect(stopped).toMatchObject({ finished: false, step: 5 });
    const second = quadratic();
    await train(second, options(second, { runDir, ...stopAt(13) }));
    const third = quadratic();
    const result = await train(third, options(third, { runDir }));

    expect(result.finished).toBe(true);
    expect(third.params.w!.data).toEqual(whole.params.w!.data);
    expect(third.seen).toEqual(whole.seen);
    expect(result.averaged.w!.data).toEqual(expected.averaged.w!.data);
  });

  it('resumes from the last checkpoint of a run that died', async () => {
    const whole = quadratic();
    await train(whole, options(whole));
    const dying = quadratic(10);
    await expect(train(dying, options(dying, { runDir, checkpointEvery: 4 }))).rejects.toThrow(
      `total is NaN at step 11; the last saved state is step 8 in ${runDir}`,
    );
    const revived = quadratic();
    await train(revived, options(revived, { runDir }));
    expect(revived.params.w!.data).toEqual(whole.params.w!.data);
  });

  it('does nothing more to a finished run', async () => {
    const task = quadratic();
    await train(task, options(task, { runDir }));
    const again = quadratic();
    const result = await train(again, options(again, { runDir, onStep: () => expect.unreachable() }));
    expect(result).toMatchObject({ finished: true, step: steps });
    expect(again.params.w!.data).toEqual(task.params.w!.data);
  });

  it('refuses to continue another run, naming the field', async () => {
    const task = quadratic();
    await train(task, options(task, { runDir }));
    const before = Float32Array.from(task.params.w!.data);
    await expect(train(task, options(task, { runDir, fingerprint: '{"seed":8}' }))).rejects.toThrow(
      'another recipe or other data (seed was 7, is 8)',
    );
    expect(task.params.w!.data).toEqual(before);
  });

  it.each([0, 200])('says what to do about a state of %i bytes', async (bytes) => {
    const task = quadratic();
    await train(task, options(task, { runDir }));
    const path = join(runDir, 'state.safetensors');
    truncateSync(path, bytes);
    const resumed = expect(train(task, options(task, { runDir }))).rejects;
    await resumed.toThrow(UserError);
    await resumed.toThrow(
      /^\S+state\.safetensors: .* truncated .*; give another run folder, or remove this file to start/,
    );
  });

  it('is not resumed from a state with one bit changed, wherever', async () => {
    const task = quadratic();
    await train(task, options(task, { runDir }));
    const path = join(runDir, 'state.safetensors');
    const whole = readFileSync(path);
    const before = Float32Array.from(task.params.w!.data);
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      writeFileSync(path, damaged);
      await expect(train(task, options(task, { runDir })), `byte ${at}`).rejects.toThrow(UserError);
    }
    expect(task.params.w!.data).toEqual(before);
  });

  it('stops before the first step where the signal came early', async () => {
    const task = quadratic();
    const result = await train(task, options(task, { runDir, signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ finished: false, step: 0 });
  });
});
