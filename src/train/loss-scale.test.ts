import { describe, expect, it } from 'vitest';
import { parseClipConfig } from '../clip/config.js';
import { initClip } from '../clip/towers/initialise.js';
import { Random } from '../math/random.js';
import type { Params } from '../nn/index.js';
import { contrastiveTask } from '../pretrain/contrastive-task.js';
import { type CompileOptions, compile } from '../runtime/program.js';
import { greater, input, sqrt, sum, type Tensor } from '../tensor/index.js';
import { openSteps } from '../test/training.fixture.js';
import { adamw } from './adamw.js';
import { type StepEvent, train } from './loop.js';
import { LossScale } from './loss-scale.js';
import type { Task } from './task.js';

const tower = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 60, max_position_embeddings: 10, bos_token_id: 58, eos_token_id: 59 },
  vision_config: { ...tower, image_size: 16, patch_size: 8 },
});
const batch = 8;

/** The same images and texts at every step. */
const batches = {
  async batch() {
    const random = new Random('loss scale');
    const draw = (size: number, value: () => number) => Float32Array.from({ length: size }, value);
    return {
      pixels: { shape: [batch, 3, 16, 16], data: draw(batch * 768, () => random.normal()) },
      ids: { shape: [batch, 10], data: Int32Array.from(draw(batch * 10, () => random.uniform(0, 58))) },
      ends: { shape: [batch], data: new Int32Array(batch).fill(9) },
      matches: { shape: [batch, batch], data: draw(batch * batch, () => 0).map((_, i) => Number(i % 9 === 0)) },
    };
  },
};

const task = (recompute = false) =>
  contrastiveTask(config, initClip(config, 1), batches, { batch, context: 10, smoothing: 0, recompute });
const threads = 1;
const mixed = { threads, precision: 'mixed' } as const;
const plan = (params: Params, steps: number) => ({ steps, optimizer: adamw(params), learningRate: () => 3e-3 });
/** The loss of the first batch. */
const lossOf = async (t: Task, compile: CompileOptions = mixed) => {
  const steps = await openSteps(t, { compile, lossScale: compile === mixed ? new LossScale() : undefined });
  const { losses } = await steps.step(0);
  await steps.dispose();
  return losses.total!;
};

describe('the loss scale', () => {
  it('is settled by a graph as it is here: halved at overflow down to 1, doubled after 2,000 updates without', async () => {
    const finite = greater(Number.POSITIVE_INFINITY, input('norm', []));
    const [scale, streak, skipped] = Object.values(new LossScale().settled(finite)) as [Tensor, Tensor, Tensor];
    const program = await compile({ outputs: { scale, streak, skipped } });
    for (const [start, stood] of [
      [1024, 0],
      [1024, 1998],
      [1024, 1999],
      [1, 7],
    ] as const) {
      for (const norm of [3, Number.POSITIVE_INFINITY, Number.NaN]) {
        const host = new LossScale(start);
        host.state.loss_scale!.data.set([stood, 5], 1);
        const after = await program.run({ ...host.carried, norm: { shape: [], data: Float32Array.of(norm) } });
        const found = [after.scale!.data[0], after.streak!.data[0], after.skipped!.data[0]];
        host.settle(Number.isFinite(norm));
        const [value, length, out] = host.state.loss_scale!.data;
        // At 1 an overflow is not the scale's: how long it has stood no longer matters.
        expect(found, `${start}, ${stood}, ${norm}`).toEqual(
          start === 1 && norm !== 3 ? [1, 0, 5] : [value, length, out],
        );
      }
    }
    await program.dispose();
  });
});

describe('mixed precision', () => {
  it('gives fp32’s gradient to 1 %, each parameter’s to 3 %, with recomputation too', async () => {
    const exact = await openSteps(task(), { compile: { threads } });
    const expected = Object.entries((await exact.step(0)).gradients);
    const length = Math.hypot(...expected.map(([, g]) => Math.hypot(...g)));
    for (const recompute of [false, true]) {
      const lossScale = new LossScale(2 ** 8); // the first scale overflows with gradients as large as these
      const half = await openSteps(task(recompute), { compile: mixed, lossScale });
      const { gradients } = await half.step(0);
      const errors = expected.map(([name, g]) => {
        const error = Math.hypot(...g.map((x, i) => x - gradients[name]![i]!));
        // The scores of a softmax do not change with the bias of the keys: its gradient is nothing but rounding.
        if (!name.endsWith('k_proj.bias')) expect(error / Math.hypot(...g), name).toBeLessThan(0.03);
        return error;
      });
      expect(Math.hypot(...errors) / length).toBeLessThan(0.01);
      expect(Math.hypot(...errors) / length).toBeGreaterThan(1e-5); // it was fp16
      await half.dispose();
    }
    await exact.dispose();
  });

  it('learns as well as fp32', async () => {
    const finals: number[] = [];
    for (const compile of [{ threads }, mixed]) {
      const t = task();
      const first = await lossOf(t, compile);
      await train(t, { ...plan(t.params, 40), compile });
      finals.push((await lossOf(t, compile)) / first);
    }
    expect(finals[0]).toBeLessThan(0.5);
    expect(Math.abs(finals[1]! - finals[0]!)).toBeLessThan(0.02);
  });

  it('skips steps that overflowed, and recovers', async () => {
    const t = task();
    const before = Object.values(t.params).map(({ data }) => data.slice());
    const first = await lossOf(t);
    const skipped: boolean[] = [];
    let last: StepEvent | undefined;
    await train(t, {
      ...plan(t.params, 60),
      compile: mixed,
      lossScale: 2 ** 40, // far beyond what fp16 can hold
      onStep: (event) => {
        expect(event.skipped).toBe(!Number.isFinite(event.gradientNorm));
        skipped.push(event.skipped);
        last = event;
        if (skipped.length === 1) {
          for (const [i, { data }] of Object.values(t.params).entries()) expect(data).toEqual(before[i]);
        }
      },
    });
    expect(skipped[0]).toBe(true);
    expect(skipped.at(-1)).toBe(false);
    const count = skipped.indexOf(false);
    expect(last!.lossScale).toBe(2 ** (40 - skipped.filter(Boolean).length));
    // For the optimizer it is as if they had never been.
    const other = task();
    await train(other, { ...plan(other.params, 60 - count), compile: mixed, lossScale: 2 ** (40 - count) });
    expect(other.params).toEqual(t.params);
    expect(await lossOf(t)).toBeLessThan(0.5 * first);
  });

  it('reports gradients that are not finite at a scale of 1', async () => {
    const w = input('w', [1]);
    const total = sqrt(sum(w)); // its slope at 0 is infinite
    const params = { w: { shape: [1], data: new Float32Array(1) } };
    const root: Task = {
      ...{ params, parameters: { w }, frozen: {}, imagesPerBatch: 1 },
      losses: { total },
      groups: [{ name: 'total', loss: total }],
      feeds: async () => ({}),
    };
    const run = train(root, { ...plan(params, 2), compile: mixed, lossScale: 1 });
    await expect(run).rejects.toThrow(/gradient norm is Infinity at step 1/);
  });
});

describe('LossScale', () => {
  it('grows after 2,000 finite updates, and starts to count again after an overflow', () => {
    const scale = new LossScale(8);
    for (let i = 0; i < 1999; i++) scale.settle(true);
    expect(scale.settle(false)).toBe(false);
    expect(scale.value).toBe(4);
    for (let i = 0; i < 1999; i++) scale.settle(true);
    expect(scale.value).toBe(4);
    scale.settle(true);
    expect(scale.value).toBe(8);
  });
});
