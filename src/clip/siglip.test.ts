import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from './checkpoint/checkpoint.js';
import { parseClipConfig } from './config.js';
import { parsePreprocessConfig } from './preprocess/processor-config.js';
import { siglip } from './siglip.fixture.js';
import { tokenizeAll } from './tokenizer/tokenize-all.js';

const root = mkdtempSync(join(tmpdir(), 'promptkd-siglip-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('a SigLIP config.json', () => {
  it('may leave out what equals the defaults, as the published files do', () => {
    const base = parseClipConfig({
      model_type: 'siglip',
      text_config: { model_type: 'siglip_text_model', vocab_size: 256000 },
      vision_config: { model_type: 'siglip_vision_model', image_size: 256, patch_size: 16 },
    });
    expect(base).toMatchObject({ model_type: 'siglip', projection_dim: 768 });
    const tower = { hidden_size: 768, num_hidden_layers: 12, hidden_act: 'gelu_pytorch_tanh', layer_norm_eps: 1e-6 };
    expect(base.text_config).toMatchObject({ ...tower, vocab_size: 256000, max_position_embeddings: 64 });
    expect(base.vision_config).toMatchObject({ ...tower, image_size: 256, intermediate_size: 3072 });
  });

  it.each([
    [{ model_type: 'siglip2' }, /model_type: expected a model of one image size, got "siglip2"/],
    [{ model_type: 'siglip', text_config: { projection_size: 512 } }, /projection_size: expected 768, .* got 512/],
    [
      { model_type: 'siglip', vision_config: { vision_use_head: false } },
      /vision_config.vision_use_head: expected: true/,
    ],
    [
      { model_type: 'siglip', vision_config: { num_attention_heads: 7 } },
      /expected a divisor of hidden_size 768, got 7/,
    ],
    [{ model_type: 'siglip', text_config: [] }, /text_config: expected an object, got \[\]/],
  ])('is refused: %j', (json, message) => {
    expect(() => parseClipConfig(json)).toThrow(message);
  });
});

it('makes images square without cutting them, between −1 and 1, where the processor is SigLIP’s', () => {
  const size = { height: 16, width: 16 };
  expect(parsePreprocessConfig({ image_processor_type: 'SiglipImageProcessor', size })).toEqual(siglip.preprocess);
});

it('reads texts in lower case without punctuation, an end token and padding up to the full length', () => {
  const { ids, ends, length } = tokenizeAll(siglip.tokenizer, ['A drawing, of RED!', 'gold'], 12);
  const token = (word: string) => siglip.tokenizer.tokens(word);
  expect(length).toBe(12);
  const row = [...['a', 'drawing', 'of', 'red'].flatMap(token), 1];
  expect([...ids.subarray(0, 12)]).toEqual([...row, ...Array(7).fill(1)]);
  expect([...ends]).toEqual([4, 1]);
  expect(siglip.tokenizer).toMatchObject({ startId: undefined, endId: 1, padId: 1, vocabSize: 40 });
});

it('is saved as transformers’ SiglipModel and loads again', async () => {
  await saveCheckpoint(root, siglip);
  const loaded = await loadCheckpoint(root);
  expect(loaded.config).toEqual(siglip.config);
  expect(loaded.preprocess).toEqual(siglip.preprocess);
  expect(loaded.params).toEqual(siglip.params);
  expect(loaded.tokenizer.encode(['red thing'], 12)).toEqual(siglip.tokenizer.encode(['red thing'], 12));
  expect(loaded.tokenizer.fullLength).toBe(true);
  expect(loaded.params.logit_bias).toEqual({ shape: [1], data: Float32Array.of(-10) });
  const json = JSON.parse(await readFile(join(root, 'config.json'), 'utf8'));
  expect(json).toMatchObject({ architectures: ['SiglipModel'], text_config: { projection_size: 16 } });
});
