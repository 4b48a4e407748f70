import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initClip } from '../clip/towers/initialise.js';
import { readSafetensors } from '../files/index.js';
import { loadTowerModel, saveModel, type TowerModel } from '../model/index.js';
import { exportModel } from './index.js';
import { checkpoint, promptsFor } from './student.fixture.js';
import { difference, engineEmbeds, samplesFor } from './verify.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-factorised-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A student whose token table is two factors of rank 6, read by its prompt encoder too. */
function factorised(): TowerModel {
  const text_config = { ...checkpoint.config.text_config, token_rank: 6 };
  const config = { ...checkpoint.config, text_config };
  const prompts = promptsFor(1, 1, true);
  const projection = prompts.encoder['token_projection.weight']!;
  const narrow = { shape: [8, 6], data: (projection.data as Float32Array).slice(0, 48) };
  return {
    ...{ ...checkpoint, config, params: initClip(config, 5) },
    prompts: {
      ...prompts,
      config: { ...prompts.config, shared_embedding_width: 6 },
      encoder: { ...prompts.encoder, 'token_projection.weight': narrow },
    },
  };
}

it('is exported with one token table, as Hugging Face reads it, and with the same embeddings; ONNX files keep the factors', async () => {
  const student = factorised();
  const own = join(folder, 'own');
  const out = join(folder, 'exported');
  await saveModel(own, student);
  const loaded = await loadTowerModel(own, 'export');
  await exportModel({ model: loaded, out });

  const rows = checkpoint.tokenizer.vocabSize;
  const table = 'text_model.embeddings.token_embedding.weight';
  const tablesOf = (of: string) => {
    const { tensors } = readSafetensors(join(of, 'model.safetensors'));
    const names = Object.keys(tensors).filter((name) => /embeddings\.token/.test(name));
    return Object.fromEntries(names.map((name) => [name, tensors[name]!.shape]));
  };
  expect(tablesOf(own)).toEqual({ [table]: [rows, 6], 'text_model.embeddings.token_projection.weight': [16, 6] });
  expect(tablesOf(out)).toEqual({ [table]: [rows, 16] });

  const whole = await loadTowerModel(out, 'export');
  expect(whole.config.text_config.token_rank).toBeUndefined();
  const samples = samplesFor(loaded, ['a red cat', 'two houses', 'tree']);
  const [before, after] = [await engineEmbeds(loaded, samples), await engineEmbeds(whole, samples)];
  expect(difference(before.image!.data, after.image!.data)).toBeLessThan(1e-6);
  expect(difference(before.text!.data, after.text!.data)).toBeLessThan(1e-5);
});
