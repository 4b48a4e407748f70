import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { textTower } from '../clip/towers/text.js';
import { visionTower } from '../clip/towers/vision.js';
import { Random } from '../math/random.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { encodePromptTexts, initPromptEncoder, textPrompts } from '../prompt/index.js';
import { promptConfig } from '../prompt/prompts-recipe.js';
import { compile } from '../runtime/program.js';
import { input, l2Normalize, mean, mul, sum } from '../tensor/index.js';
import { compileOptions, config, recipe, teacher } from '../test/colours.fixture.js';
import { startFromTypicalTokens } from './typical-tokens.js';

const shipped = fileURLToPath(new URL('../../models/emoji-teacher', import.meta.url));
const { params } = teacher;
const random = new Random('typical tokens');
const pixels = { shape: [6, 3, 16, 16], data: Float32Array.from({ length: 6 * 768 }, () => random.normal()) };
const length = 6;
const { bos_token_id: start, eos_token_id: end } = config.text_config;
const ids = { shape: [2, length], data: Int32Array.of(start, 5, 6, end, end, end, start, 7, end, end, end, end) };
const ends = { shape: [2], data: Int32Array.of(3, 2) };

const freshPrompts = () => {
  const shape = promptConfig(recipe(), config, 10);
  return { params: initPromptEncoder(shape, 1), config: shape };
};

it('lets prompts begin as the mean of the tokens of their layer', async () => {
  const prompt = freshPrompts();
  await startFromTypicalTokens(prompt, teacher, { ids, ends, pixels }, compileOptions);
  const width = config.text_config.hidden_size;
  const table = params['text_model.embeddings.token_embedding.weight']!.data;
  const bias = prompt.params['text_heads.0.bias']!.data;
  expect(bias.length).toBe(2 * width); // two prompts a layer, both the same
  for (let i = 0; i < bias.length; i++) {
    const k = i % width;
    const mean = (table[5 * width + k]! + table[6 * width + k]! + table[7 * width + k]!) / 3;
    expect(bias[i]!).toBeCloseTo(mean, 6);
  }
  const tower = visionTower(paramInputs(params), config, input('pixels', pixels.shape));
  const program = await compile({ outputs: { hidden: tower.hidden[1]! } }, compileOptions);
  const { hidden } = await program.run({ ...paramFeeds(params), pixels });
  await program.dispose();
  const [batch, tokens, across] = hidden!.shape as [number, number, number];
  const later = prompt.params['vision_heads.1.bias']!.data;
  for (let k = 0; k < across; k++) {
    let sum = 0;
    for (let b = 0; b < batch; b++) {
      for (let token = 1; token < tokens; token++) sum += hidden!.data[(b * tokens + token) * across + k]!;
    }
    expect(later[k]!).toBeCloseTo(sum / (batch * (tokens - 1)), 5);
  }
});

it('leaves a trained model nearer to what it was without prompts than nearly empty prompts do', async () => {
  const { config, params, tokenizer } = await loadCheckpoint(shipped);
  const texts = tokenizeAll(tokenizer, ['a red apple', 'two cats', 'a drawing of rain', 'the moon at night'], 12);
  const shape = { ids: { shape: [4, texts.length], data: texts.ids }, ends: { shape: [4], data: texts.ends } };
  const fed = [input('ids', shape.ids.shape, 'int32'), input('ends', shape.ends.shape, 'int32')] as const;
  const size = config.vision_config.image_size;
  const pixels = { shape: [1, 3, size, size], data: new Float32Array(3 * size * size) };
  const p = paramInputs(params);
  const encoderShape = promptConfig(recipe({ prompts: { embedding: 'own' } }), config, 12);
  const plain = textTower(p, config, ...fed).embed;
  const moved = async (typical: boolean) => {
    const own = initPromptEncoder(encoderShape, 1);
    if (typical) {
      const prompt = { params: own, config: encoderShape };
      await startFromTypicalTokens(prompt, { config, params }, { ...shape, pixels }, compileOptions);
    }
    const tree = paramInputs(own, 'prompt/');
    const prompts = textPrompts(tree, encoderShape, encodePromptTexts(tree, encoderShape, ...fed));
    const prompted = textTower(p, config, ...fed, { prompts, insert: true }).embed;
    const cosine = mean(sum(mul(l2Normalize(plain), l2Normalize(prompted)), [-1]));
    const program = await compile({ outputs: { cosine } }, compileOptions);
    const found = await program.run({ ...shape, ...paramFeeds(params), ...paramFeeds(own, 'prompt/') });
    await program.dispose();
    return found.cosine!.data[0]!;
  };
  expect(await moved(true)).toBeGreaterThan(0.05 + (await moved(false)));
});
