import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedParams } from '../clip/checkpoint/params.js';
import { familyOf } from '../clip/family.js';
import { siglip } from '../clip/siglip.fixture.js';
import { exportModel, quantizeModel } from '../compress/index.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { UserError } from '../errors.js';
import { embedImages, embedTexts } from '../evaluate/embed.js';
import { evaluateModel } from '../evaluate/evaluate.js';
import { initDeepPrompts } from '../prompt/index.js';
import { dataset as colours, compileOptions } from '../test/colours.fixture.js';
import { textLimit } from './limits.js';
import { loadModel, loadTowerModel, openEncoders } from './load.js';
import type { TowerModel } from './model.js';
import { initProjector } from './projector.js';
import { saveModel } from './save.js';
import { visualModel } from './visual-student.js';
import { modelFingerprint, modelWeights, PARTS, parameterCount, withWeights } from './weights.js';

const dataset = { ...colours, splits: { test: colours.splits.train! } };
const student: TowerModel = { ...checkpoint, prompts: promptsFor(2) };

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-one-model-'));
  await saveModel(at('run', 'student'), student);
  await exportModel({ model: student, out: at('exported'), classes: ['red', 'gold'] });
  const few = { images: 8, tune: 0, rounding: 'nearest', dtypes: ['bnb4'] } as const;
  await quantizeModel({ model: student, dataset, split: 'test', out: at('small'), ...few });
  await exportModel({ model: await loadModel(at('small')), out: at('small-exported') });
});
afterAll(() => rm(root, { recursive: true }));

/** What `promptkd evaluate` says of a model, but for its size and where it lies. */
async function figures(name: string) {
  const model = await loadModel(name, compileOptions);
  const { zeroShot, retrieval, predictions, images } = await evaluateModel(model, dataset, {
    ...compileOptions,
    latencyRuns: 0,
  });
  await model.encoders?.dispose();
  return { zeroShot, retrieval, images, answers: predictions.map(({ id, top }) => [id, top[0]!.label]) };
}

describe('a model', () => {
  it.each([
    ['the folder of a run', 'run', 'run/student'],
    ['an export', 'exported', 'run/student'],
    ["an export's ONNX files", 'exported/onnx', 'run/student'],
    ['the same, by #fp32', 'exported#fp32', 'run/student'],
    ['an export of a quantised student', 'small-exported', 'small'],
    ['its ONNX files', 'small-exported#fp32', 'small'],
    ["a quantised student's files of the same codes", 'small#bnb4', 'small'],
  ])('has the same figures wherever its weights are the same: %s', async (_, one, other) => {
    expect(await figures(at(one))).toEqual(await figures(at(other)));
  });

  it('tells by its fingerprint whether its weights are the same', async () => {
    const [run, exported, small] = await Promise.all(['run', 'exported', 'small'].map((name) => loadModel(at(name))));
    expect(modelFingerprint(run!)).toBe(modelFingerprint(student));
    expect(modelFingerprint(exported!)).toBe(modelFingerprint(run!));
    expect(modelFingerprint(small!)).not.toBe(modelFingerprint(run!));
    expect(modelFingerprint({ ...student, prompts: promptsFor(1) })).not.toBe(modelFingerprint(run!));
    const onnx = await loadModel(at('exported#fp32'));
    expect(modelFingerprint(onnx)).toMatch(/^[0-9a-f]{32}$/);
    expect([parameterCount(onnx), parameterCount(run!)]).toEqual([undefined, parameterCount(student)]);
    expect([run!.source!.folder, onnx.source!.dtype]).toEqual([at('run', 'student'), 'fp32']);
    await onnx.encoders!.dispose();
  });

  it('is served by its graphs or its files, to the same embeddings', async () => {
    const texts = ['red', 'a drawing of gold'];
    const expected = {
      images: await embedImages(student, dataset, dataset.splits.test, compileOptions),
      texts: await embedTexts(student, texts, compileOptions),
    };
    for (const name of ['run', 'exported']) {
      const model = await openEncoders(at(name), compileOptions);
      expect(textLimit(model)).toBe(textLimit(student));
      const images = await embedImages(model, dataset, dataset.splits.test, compileOptions);
      const made = await embedTexts(model, texts, compileOptions);
      for (const [i, x] of images.rows.data.entries()) expect(x).toBeCloseTo(expected.images.rows.data[i]!, 4);
      for (const [i, x] of made.data.entries()) expect(x).toBeCloseTo(expected.texts.data[i]!, 4);
      expect(model.classes?.names).toEqual(name === 'exported' ? ['red', 'gold'] : undefined);
      await model.encoders.dispose();
    }
  });

  it('is named by what is wanted of it where its weights are not there', async () => {
    await expect(loadTowerModel(at('exported#fp32'), 'quantize')).rejects.toThrow(
      /^quantize: expected a model with its weights, got the ONNX files .*vision_model.onnx and /,
    );
    await expect(loadModel(root)).rejects.toThrow(
      /: expected the folder of a CLIP checkpoint, .* or of a finished run/,
    );
    await expect(loadModel(at('ViT-B-32.pt'))).rejects.toThrow(/PyTorch files can run code .* hub id such as openai\//);
    await expect(loadModel('ViT-B-32')).rejects.toThrow(
      /student\/config.json; models of the .* hub are called OWNER\/NAME/,
    );
    await expect(loadModel(at('run#q3'))).rejects.toThrow(UserError);
    await rename(at('exported', 'onnx', 'text_model.onnx'), at('kept'));
    await expect(loadModel(at('exported#fp32'))).rejects.toThrow(
      /expected onnx\/vision_model.onnx and onnx\/text_model/,
    );
    await rename(at('kept'), at('exported', 'onnx', 'text_model.onnx'));
  });
});

describe('its parts', () => {
  const { config } = checkpoint;
  const shape = { n_ctx: 2, depth: 2, width: config.vision_config.hidden_size };
  const head = { prompts: initDeepPrompts('vision', shape, 1), projector: initProjector(12, 6, 1) };
  const features = { shape: [2, 6], data: Float32Array.from({ length: 12 }, (_, i) => i) };

  it('are saved and loaded: of a prompted student, and of a visual one in the same folder after it', async () => {
    const visual = visualModel(checkpoint, head, { names: ['red', 'gold'], features });
    expect(await saveModel(at('parts'), student)).toContain('prompt_encoder.safetensors');
    const first = await loadTowerModel(at('parts'), 'test');
    expect([first.prompts, first.projector]).toEqual([student.prompts, undefined]);
    expect(await saveModel(at('parts'), visual)).toContain('visual_student.safetensors');
    const { source: _, tokenizer, ...again } = await loadTowerModel(at('parts'), 'test');
    const { tokenizer: own, ...expected } = visual;
    expect(again).toEqual(expected);
    expect(tokenizer.json).toEqual(own.json);
    await expect(openEncoders(at('parts'))).rejects.toThrow(/parts: a visual student \(cvpr2024\) reads no texts/);
  });

  it('stand in one record of weights, and are exchanged by their names there', () => {
    const deep = { vision: head.prompts, text: initDeepPrompts('text', { ...shape, width: 16 }, 2) };
    for (const model of [student, { ...checkpoint, prompts: deep }, { ...checkpoint, ...head, prompts: deep }]) {
      const weights = modelWeights(model);
      const zeros = Object.entries(weights).map(([name, { shape, data }]) => [
        name,
        { shape, data: new Float32Array(data.length) },
      ]);
      const changed = modelWeights(withWeights(model, Object.fromEntries(zeros)));
      expect(Object.keys(changed)).toEqual(Object.keys(weights));
      expect(Object.values(changed).every(({ data }) => data.every((x) => x === 0))).toBe(true);
      expect(modelWeights(withWeights(model, {}))).toEqual(weights);
    }
    expect(Object.keys(modelWeights({ ...checkpoint, ...head, prompts: deep }))).toEqual(
      expect.arrayContaining([`${PARTS.vision}vision.0`, `${PARTS.text}text.1`, `${PARTS.projector}fc1.weight`]),
    );
  });
});

it.each([
  ['CLIP', checkpoint.config],
  ['SigLIP', siglip.config],
])('knows its family: %s', (name, config) => {
  const family = familyOf(config);
  const params = expectedParams(config);
  expect(family.name).toBe(name);
  expect('logit_bias' in params).toBe(family.hasLogitBias);
  expect('vision_model.embeddings.class_embedding' in params).toBe(family.hasClassToken);
});
