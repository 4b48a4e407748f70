import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { contrastiveTask } from '../pretrain/contrastive-task.js';
import { batch, batches, config } from '../pretrain/tiny-contrastive.fixture.js';
import { adamw } from './adamw.js';
import { type LoopOptions, train } from './loop.js';
import { sgd } from './sgd.js';
import type { Task } from './task.js';

let runDir = '';
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-resident-'));
});
afterEach(() => rmSync(runDir, { recursive: true }));

const make = (source: typeof batches = batches) =>
  contrastiveTask(config, initClip(config, 1), source, { batch, context: 10, smoothing: 0 });
const compile = { threads: 1 };
/** As on a device that keeps parameters, many steps in one run, but run by the CPU. */
const looped = { compile, resident: true };

const steps = 140; // no multiple of what is done at once

interface Way extends Partial<LoopOptions> {
  readonly sgd?: boolean;
}

const plan = (task: Task, more: Partial<LoopOptions> = {}): LoopOptions => ({
  steps,
  optimizer: adamw(task.params, {
    weightDecay: 0.1,
    learningRateScale: (name) => (name === 'logit_scale' ? 4 : name === 'text_projection.weight' ? 0 : 1),
  }),
  learningRate: (step) => 1e-3 * (1 + step / 10),
  ...{ clipNorm: 0.5, ema: 0.9, compile },
  ...more,
});

async function run(task: Task, more: Partial<LoopOptions> = {}) {
  const losses: number[] = [];
  const norms: number[] = [];
  const scales: (number | undefined)[] = [];
  const { averaged, step } = await train(task, {
    ...plan(task, more),
    onStep: (event) => {
      losses.push(event.losses.total!);
      norms.push(event.gradientNorm);
      scales.push(event.lossScale);
    },
  });
  return { losses, norms, scales, averaged, step, params: task.params };
}

describe('a training step that keeps its parameters on the device', () => {
  it.each([
    ['AdamW, decay, clipping and average', {}],
    ['SGD with momentum', { ema: undefined, clipNorm: undefined, sgd: true }],
    ['AdamW on three batches a step', { accumulate: 3, steps: 50 }],
    ['SGD on two batches a step', { accumulate: 2, steps: 50, ema: undefined, sgd: true }],
  ])('gives what updates in place give: %s', async (_, { sgd: plain, ...more }: Way) => {
    const [expected, found] = await Promise.all(
      [{}, looped].map((where) => {
        const task = make();
        const optimizer = sgd(task.params, { momentum: 0.9, weightDecay: 0.01 });
        return run(task, { ...more, ...where, ...(plain && { optimizer }) });
      }),
    );
    expect(found!.losses).toHaveLength(more.steps ?? steps);
    for (const [i, loss] of expected!.losses.entries()) {
      expect(Math.abs(found!.losses[i]! - loss)).toBeLessThan(1e-4);
      expect(found!.norms[i]! / expected!.norms[i]!).toBeCloseTo(1, 3);
    }
    for (const tree of ['params', 'averaged'] as const) {
      for (const [name, { data }] of Object.entries(expected![tree])) {
        const far = Math.max(...data.map((x, i) => Math.abs(x - found![tree][name]!.data[i]!)));
        // The scores of a softmax do not change with the bias of the keys: Adam makes steps of its gradient's rounding.
        if (!name.endsWith('k_proj.bias')) expect(far, `${tree} ${name}`).toBeLessThan(1e-3);
      }
    }
  });

  it('keeps the logit scale below its bound', async () => {
    for (const where of [{}, looped]) {
      const task = make();
      task.params.logit_scale!.data[0] = 5;
      await run(task, { ...where, steps: 1, learningRate: () => 1e-6 });
      expect(task.params.logit_scale!.data[0]).toBe(Math.fround(Math.log(100)));
    }
  });

  it.each([
    [1, 140, 128],
    [3, 50, 42],
  ])('stopped and resumed, ends with the same bits: %i batches a step', async (accumulate, steps, atOnce) => {
    const more = { ...looped, steps, accumulate };
    const whole = await run(make(), more);
    const controller = new AbortController();
    const first = make();
    const stopped = await train(first, {
      ...plan(first, { ...more, runDir, signal: controller.signal }),
      onStep: ({ step }) => {
        if (step === 10) controller.abort();
      },
    });
    expect(stopped).toMatchObject({ finished: false, step: atOnce });
    const { params, averaged } = await run(make(), { ...more, runDir });
    expect(params).toEqual(whole.params);
    expect(averaged).toEqual(whole.averaged);
  });

  it('stops where somebody looks at the parameters', async () => {
    const [task, other] = [make(), make()];
    const seen: number[] = [];
    await train(task, {
      ...plan(task, { ...looped, steps: 20, lookEvery: 10 }),
      onStep: async (event) => {
        if (event.step === 10) seen.push(...(await event.averaged()).logit_scale!.data);
      },
    });
    const { averaged } = await run(other, { ...looped, steps: 10 });
    expect(seen[0]).toBeCloseTo(averaged.logit_scale!.data[0]!, 6);
  });

  const mixed = { ...looped, compile: { ...compile, precision: 'mixed' } } as const;

  it.each([1, 2])(
    'skips steps whose gradients overflow, and goes on with a lower loss scale: %i batches a step',
    async (accumulate) => {
      const task = make();
      const before = initClip(config, 1);
      const { norms, scales } = await run(task, { ...mixed, accumulate, steps: 16, lossScale: 2 ** 40 });
      expect(norms.every((norm) => !Number.isFinite(norm))).toBe(true);
      expect(task.params).toEqual(before);
      // Halved at each, as they are all in one run.
      expect(scales).toEqual(Array.from({ length: 16 }, (_, i) => 2 ** (40 - i)));
      const later = await run(task, { ...mixed, accumulate, steps: 200, lossScale: 2 ** 24 });
      expect(later.norms.filter(Number.isFinite).length).toBeGreaterThan(100);
      expect(later.losses.every(Number.isFinite)).toBe(true);
    },
  );

  it('counts skipped steps as never done', async () => {
    const more = { ...mixed, learningRate: () => 1e-3, ema: undefined };
    const first = await run(make(), { ...more, steps: 40, lossScale: 2 ** 40 });
    const left = first.norms.findIndex(Number.isFinite);
    expect(left).toBeGreaterThan(5);
    const later = { batch: (step: number) => batches.batch(step + left) };
    const second = await run(make(later), { ...more, steps: 40 - left, lossScale: 2 ** (40 - left) });
    expect(second.params).toEqual(first.params);
  });

  it('says where the loss is no longer finite', async () => {
    const task = make();
    const wild = train(task, { ...plan(task, looped), clipNorm: undefined, learningRate: () => 1e20 });
    await expect(wild).rejects.toThrow(/total is NaN at step \d+|gradient norm is (NaN|Infinity) at step \d+/);
  });
});
