import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { loadOnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { parseClipConfig } from '../clip/config.js';
import { siglip } from '../clip/siglip.fixture.js';
import { initClip } from '../clip/towers/initialise.js';
import { cvpr2024 } from '../cvpr2024/cvpr2024.js';
import { cvpr2024Recipe } from '../cvpr2024/cvpr2024-recipe.js';
import { distill } from '../distill/distill.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { readSafetensors } from '../files/index.js';
import { visualModel } from '../model/visual-student.js';
import { teacher as clip, compileOptions, dataset, recipe } from '../test/colours.fixture.js';
import { made } from '../test/finished.fixture.js';
import { chooseVariant } from '../web/variants.js';
import { exportModel, quantizeModel } from './index.js';

const root = mkdtempSync(join(tmpdir(), 'promptkd-siglip-student-'));
afterAll(() => rmSync(root, { recursive: true }));

const embeddings = { losses: { layers: 'none', attention: { enabled: false }, cross_modal: { enabled: false } } };
const steps = { phases: { warmup: { steps: 2 }, prompt: { steps: 2 }, joint: { steps: 4 } }, ...embeddings };

it('teaches a SigLIP student with prompts, whose export gives the same embeddings', async () => {
  const small = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2, num_hidden_layers: 2 };
  const config = recipe({ ...steps, student: { init: 'random', projection_dim: 12, vision: small, text: small } });
  const runDir = join(root, 'run');
  const run = { teacher: siglip, dataset, recipe: config, runDir, engine: compileOptions };
  const { student, prompts, finished, history } = await distill(run);
  expect(finished).toBe(true);
  expect(student.config.model_type).toBe('siglip');
  // Answers are decisions for each pair, of which the bias is a part: it starts at −10.
  expect(student.params.logit_bias!.data[0]).not.toBe(-10);
  const test = { ...dataset, splits: { ...dataset.splits, test: dataset.splits.train! } };
  const measured = await evaluateModel({ ...student, prompts }, test, { latencyRuns: 0, ...compileOptions });
  expect(measured.zeroShot!.top1.value).toBeGreaterThanOrEqual(0);
  expect(measured.retrieval!.images).toBeGreaterThan(0);
  for (const { losses } of history) expect(Object.values(losses).every(Number.isFinite)).toBe(true);

  const out = join(root, 'exported');
  const { maxDifference } = await exportModel({ model: { ...student, prompts }, out, classes: ['red', 'gold'] });
  expect(maxDifference).toBeLessThan(1e-4);
  const pair = await loadOnnxPair(join(out, 'onnx'));
  expect(pair.config.projection_dim).toBe(12);
  await pair.dispose();
  expect((await loadCheckpoint(out)).config).toEqual(student.config);
  const { tensors } = readSafetensors(join(out, 'classifier.safetensors'));
  expect(tensors.logit_bias).toEqual(student.params.logit_bias);
  const card = await readFile(join(out, 'README.md'), 'utf8');
  for (const part of ['A SigLIP model of', 'gives `pooler_output`', 'transformers.SiglipModel', 'ᵀ + logit_bias.'])
    expect(card).toContain(part);
  expect(card).not.toContain('_embeds');
});

it('is quantised, and its files are checked by the names that its family has', async () => {
  const out = join(root, 'small');
  const options = { images: 12, tune: 4, dtypes: ['bnb4'] } as const;
  const { variants } = await quantizeModel({ model: siglip, dataset, out, ...options });
  expect(variants.bnb4!.difference).toBeLessThan(1e-3);
  const pair = await loadOnnxPair(out, { dtype: 'bnb4' });
  for (const name of ['vision_model', 'text_model'] as const) {
    const chosen = await chooseVariant(join(out, 'onnx'), name, pair, 'bnb4');
    expect(chosen.cosine).toBeCloseTo(1, 5);
  }
  await pair.dispose();
});

it('teaches a CLIP student, which reads texts by its own tokenizer', async () => {
  const student = { init: 'random', projection_dim: 8 };
  const config = recipe({ ...steps, student, prompts: { enabled: false } });
  const given = { ...config, student: { ...config.student, init: 'given' as const, checkpoint: join(root, 'clip') } };
  const shape = parseClipConfig({ ...clip.config, projection_dim: 8 });
  await saveCheckpoint(join(root, 'clip'), { ...clip, config: shape, params: initClip(shape, 2) });
  const runDir = join(root, 'clip-run');
  const done = await distill({ teacher: siglip, dataset, recipe: given, runDir, engine: compileOptions });
  expect([done.finished, done.student.config.model_type]).toEqual([true, undefined]);
});

it('teaches a SigLIP student by its logits alone', async () => {
  const kd = { init: 'given', steps: 8, warmup_steps: 0, lr: 3e-3 };
  const start = { ...siglip, params: initClip(siglip.config, 11) };
  await saveCheckpoint(join(root, 'start'), start);
  const given = { ...recipe({ method: 'kd', kd, ...embeddings }) };
  const config = { ...given, student: { ...given.student, checkpoint: join(root, 'start') } };
  const runDir = join(root, 'kd-run');
  const done = await distill({ teacher: siglip, dataset, recipe: config, runDir, engine: compileOptions });
  const losses = done.history.map((entry) => entry.losses.total!);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(done.student.params.logit_bias!.data[0]).not.toBe(-10);
});

it('refuses losses on inner states, naming what to set', async () => {
  const run = { teacher: siglip, dataset, recipe: recipe(), runDir: join(root, 'no'), engine: compileOptions };
  await expect(distill(run)).rejects.toThrow(
    /^teacher: .*SigLIP .*: set losses.attention.enabled=false, .*, student.init=random/,
  );
});

it('has its prompts tuned and is distilled by the CVPR 2024 recipe, into a SigLIP', async () => {
  const published = cvpr2024Recipe.parse({
    prompts: { n_ctx: 2, context: '' },
    tuning: { shots: 2, epochs: 2, batch: 4, average: { mean: 1 } },
    distillation: { batch: 6, epochs: 2, classes: 'base' },
  });
  const student = { ...siglip, params: initClip(siglip.config, 8) };
  const options = { teacher: siglip, student, dataset, recipe: published, runDir: join(root, 'cvpr') };
  const run = made(await cvpr2024({ ...options, engine: compileOptions }));
  const names = dataset.classes.map(({ name }) => name);
  const model = visualModel(student, run.student, { names, features: run.texts });
  const measured = { ...dataset, splits: { ...dataset.splits, test: dataset.splits.train! } };
  const { zeroShot } = await evaluateModel(model, measured, { latencyRuns: 0, ...compileOptions });
  expect(zeroShot!.top1.low).toBeLessThan(1);
  expect(zeroShot!.top1.high).toBeGreaterThan(0.2); // of five classes
  // Two layers, both prompted: all prompts are folded.
  const { maxDifference } = await exportModel({ model, out: join(root, 'visual') });
  expect(maxDifference).toBeLessThan(1e-4);
});
