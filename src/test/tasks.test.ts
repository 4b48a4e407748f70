import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Prepared } from '../distill/prepare.js';
import { adamw } from '../train/adamw.js';
import { type LoopOptions, train } from '../train/loop.js';
import { sgd } from '../train/sgd.js';
import { type StepGradients, StepGradientsProgram } from '../train/step-gradients.js';
import type { Task } from '../train/task.js';
import { compileOptions as compile } from './colours.fixture.js';
import { readyDistillation, taskKinds } from './tasks.fixture.js';

let root = '';
let ready: Prepared;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-tasks-'));
  ready = await readyDistillation(join(root, 'distill'));
});
afterAll(async () => {
  ready.batches.store.close();
  await rm(root, { recursive: true });
});

const accumulate = 2;
const steps = 3;

/** All arrays that a run leaves: trained, averaged, carried and the task's own. */
async function run(task: Task, more: Partial<LoopOptions> = {}) {
  const { averaged, finished } = await train(task, {
    ...{ steps, accumulate, ema: 0.9, compile, learningRate: () => 1e-3, clipNorm: 1 },
    optimizer: adamw(task.params),
    ...more,
  });
  const carried = Object.entries(task.carried ?? {}).map(([name, { array }]) => [name, array] as const);
  return { finished, ...structuredClone({ params: task.params, averaged, state: task.state?.() ?? {} }), carried };
}

describe.each(Object.entries(taskKinds))('%s', (name, make) => {
  it('averages losses and each group’s gradients over the batches of a step', async () => {
    const one = await StepGradientsProgram.open(make(ready), { compile });
    const parts: StepGradients[] = [];
    for (let n = 0; n < accumulate; n++) parts.push(structuredClone(await one.step(n)));
    const several = await StepGradientsProgram.open(make(ready), { accumulate, compile });
    const { losses, groups } = await several.step(0);
    await Promise.all([one.dispose(), several.dispose()]);
    expect(parts[0]!.losses.total).not.toBe(parts[1]!.losses.total);
    for (const [loss, value] of Object.entries(losses)) {
      const mean = (parts[0]!.losses[loss]! + parts[1]!.losses[loss]!) / 2;
      expect(value, loss).toBeCloseTo(mean, 5);
    }
    for (const [group, { flat }] of Object.entries(groups)) {
      const mean = flat.map((_, i) => (parts[0]!.groups[group]!.flat[i]! + parts[1]!.groups[group]!.flat[i]!) / 2);
      expect(Math.hypot(...mean), group).toBeGreaterThan(0);
      expect(Math.hypot(...flat.map((g, i) => g - mean[i]!)), group).toBeLessThanOrEqual(1e-5 * Math.hypot(...mean));
    }
  });

  it('trains with accumulation and an average; stopped and resumed, it ends with the same bits', async () => {
    const start = make(ready);
    const whole = await run(make(ready));
    expect(whole.params).not.toEqual(start.params);
    expect(whole.averaged).not.toEqual(whole.params);
    const runDir = join(root, name.replaceAll(' ', '-'));
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }) => {
      if (step === 2) stop.abort();
    };
    const first = await run(make(ready), { runDir, signal: stop.signal, onStep });
    expect(first.finished).toBe(false);
    expect(await run(make(ready), { runDir })).toEqual(whole);
  });

  it('on a device that keeps the parameters it ends where it ends on the host', async () => {
    const task = make(ready);
    if (task.fedAs) {
      await expect(run(task, { resident: true })).rejects.toThrow('need the parameters on the host');
      return;
    }
    // By plain descent: AdamW makes steps of the rounding of gradients that are nothing else.
    const both = [];
    for (const resident of [false, true]) {
      const fresh = make(ready);
      const optimizer = sgd(fresh.params, { momentum: 0.9 });
      both.push(await run(fresh, { resident, optimizer, learningRate: () => 1e-2 }));
    }
    const [here, there] = both;
    for (const tree of ['params', 'averaged', 'state'] as const) {
      for (const [each, { data }] of Object.entries(here![tree])) {
        for (const [i, x] of data.entries()) expect(there![tree][each]!.data[i], `${tree} ${each}`).toBeCloseTo(x, 5);
      }
    }
    for (const [i, [each, { data }]] of here!.carried.entries()) {
      for (const [k, x] of data.entries()) expect(there!.carried[i]![1].data[k], each).toBeCloseTo(x, 5);
    }
  });
});
