import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { siglip } from '../clip/siglip.fixture.js';
import { Random } from '../math/random.js';
import { copyParams } from '../nn/params.js';
import { compile } from '../runtime/program.js';
import * as t from '../tensor/index.js';
import { dataset } from '../test/colours.fixture.js';
import { openSteps } from '../test/training.fixture.js';
import { contrastiveTask } from './contrastive-task.js';
import { pretrain } from './pretrain.js';
import { pretrainRecipe } from './pretrain-recipe.js';
import { sigmoidContrastiveLoss } from './sigmoid-contrastive.js';

const root = mkdtempSync(join(tmpdir(), 'promptkd-pretrain-siglip-'));
afterAll(() => rmSync(root, { recursive: true }));

const batch = 3;
const batches = {
  async batch(step: number) {
    const random = new Random('siglip', step);
    return {
      pixels: {
        shape: [batch, 3, 16, 16],
        data: Float32Array.from({ length: batch * 768 }, () => random.uniform(-1, 1)),
      },
      ids: { shape: [batch, 12], data: Int32Array.from({ length: batch * 12 }, () => random.int(40)) },
      ends: { shape: [batch], data: new Int32Array(batch).fill(11) },
      matches: { shape: [batch, batch], data: Float32Array.of(1, 0, 0, 0, 1, 0, 0.7, 0, 0.3) },
    };
  },
};
const options = { batch, context: 12, smoothing: 0, compile: { threads: 1 } };

it('is the sigmoid loss of each pair, with the gradients of a reference', async () => {
  const inputs = {
    image: { shape: [3, 3], data: Float32Array.of(0.9, -0.2, 0.4, 0.1, 0.8, -0.3, -0.5, 0.3, 0.7) },
    text: { shape: [3, 3], data: Float32Array.of(0.7, 0.1, 0.2, 0.2, 0.9, 0.1, -0.4, 0.2, 0.9) },
    scale: { shape: [1], data: Float32Array.of(1.2) },
    bias: { shape: [1], data: Float32Array.of(-1.5) },
  };
  /** By NumPy in fp64, equation 1 with logarithms of σ; gradients are its central differences. */
  const reference = {
    loss: [1.6043994896259564],
    image: [
      -0.04678469, 0.19560554, 0.20306832, 0.23594873, 0.01814684, 0.12704115, -0.34787509, 0.13914393, -0.30811532,
    ],
    text: [0.26257696, 0.10430462, -0.97117166, -0.0316725, -0.05042966, 0.51721198, 0.06640535, 0.16607022, -0.007391],
    scale: [0.55145339],
    bias: [0.22782018],
  };
  const { matches } = await batches.batch(0);
  const [image, text, scale, bias] = Object.entries(inputs).map(([name, { shape }]) => t.input(`in.${name}`, shape));
  const loss = sigmoidContrastiveLoss(image!, text!, scale!, bias!, t.constant(matches));
  const [dImage, dText, dScale, dBias] = t.grad(loss, [image!, text!, scale!, bias!]);
  const outputs = { loss, image: dImage!, text: dText!, scale: dScale!, bias: dBias! };
  const program = await compile({ outputs }, { threads: 1 });
  const out = await program.run(Object.fromEntries(Object.entries(inputs).map(([name, x]) => [`in.${name}`, x])));
  for (const [name, values] of Object.entries(reference))
    for (const [i, x] of values.entries()) expect(out[name]!.data[i], `${name} ${i}`).toBeCloseTo(x, 5);
  await program.dispose();
});

it('has the gradients of central differences in both towers, scale and bias', async () => {
  const params = copyParams(siglip.params);
  // Nearer to what a trained model says: at −10 almost every decision is a sure no.
  params.logit_bias!.data[0] = -1;
  const steps = await openSteps(contrastiveTask(siglip.config, params, batches, options), { compile: { threads: 1 } });
  const { gradients } = structuredClone(await steps.step(0));
  const h = 2e-3;
  for (const name of [
    'logit_scale',
    'logit_bias',
    'vision_model.embeddings.patch_embedding.weight',
    'vision_model.head.probe',
    'vision_model.encoder.layers.1.mlp.fc2.weight',
    'text_model.embeddings.position_embedding.weight',
    'text_model.encoder.layers.0.self_attn.q_proj.weight',
    'text_model.head.weight',
  ]) {
    const gradient = gradients[name]!;
    const { data } = params[name]!;
    // Along the gradient the difference is largest beside fp32's rounding: its length must come out.
    const norm = Math.hypot(...gradient);
    const before = data.slice();
    const at = async (way: number) => {
      for (const [i, g] of gradient.entries()) data[i] = before[i]! + (way * h * g) / norm;
      return (await steps.step(0)).losses.total!;
    };
    const slope = ((await at(1)) - (await at(-1))) / (2 * h);
    data.set(before);
    expect(Math.abs(slope - norm), `${name}: ${norm} against ${slope}`).toBeLessThan(0.02 * norm + 2e-4);
  }
  await steps.dispose();
});

it('has no bound on its scale, as its family has none', () => {
  expect(contrastiveTask(siglip.config, siglip.params, batches, options).bounds).toEqual({});
});

it('refuses smoothed labels, which would take most pairs for matches', () => {
  expect(() => contrastiveTask(siglip.config, siglip.params, batches, { ...options, smoothing: 0.1 })).toThrow(
    'label_smoothing: expected 0 for a SigLIP',
  );
});

it('trains a SigLIP further: the loss goes down, scale and bias learn, and the result loads', async () => {
  const from = join(root, 'siglip');
  const high = { shape: [1], data: Float32Array.of(5) }; // e⁵ is 148, above CLIP's bound
  await saveCheckpoint(from, { ...siglip, params: { ...siglip.params, logit_scale: high } });
  const losses: number[] = [];
  const recipe = pretrainRecipe.parse({
    from,
    batch: 6,
    steps: 60,
    ema: 0,
    optimizer: { lr: 5e-3, warmup_steps: 2 },
    evaluation: { split: 'train', every: 60 },
    templates: ['a {} thing'],
  });
  const { finished, folder } = await pretrain({
    recipe,
    dataset,
    runDir: join(root, 'run'),
    engine: { threads: 1 },
    onProgress: (progress) => {
      if (progress.losses?.total !== undefined) losses.push(progress.losses.total);
    },
  });
  expect(finished).toBe(true);
  const mean = (some: readonly number[]) => some.reduce((a, b) => a + b, 0) / some.length;
  expect(mean(losses.slice(-10))).toBeLessThan(0.8 * mean(losses.slice(0, 10)));
  const { config, params } = await loadCheckpoint(folder);
  expect(config).toEqual(siglip.config);
  expect(params.logit_scale!.data[0]).toBeGreaterThan(Math.log(100));
  expect(params.logit_scale!.data[0]).not.toBe(5);
  expect(Math.abs(params.logit_bias!.data[0]! + 10)).toBeGreaterThan(0.01);
});
