// CLIP models of random weights in published shapes, and `tiny` to try a benchmark with.
import { fileURLToPath } from 'node:url';
import { clipPreprocess, expectedParams, loadTokenizer, parseClipConfig } from '../dist/clip/index.js';
import { Random } from '../dist/math/random.js';

const vision = (hidden_size, num_hidden_layers, patch_size) => ({
  ...{ hidden_size, intermediate_size: 4 * hidden_size, num_hidden_layers, patch_size, image_size: 224 },
  num_attention_heads: hidden_size / 64,
});
const text = (hidden_size) => ({
  ...{ hidden_size, intermediate_size: 4 * hidden_size, num_hidden_layers: 12, num_attention_heads: hidden_size / 64 },
});
const configs = {
  'vit-b-16': { projection_dim: 512, vision_config: vision(768, 12, 16), text_config: text(512) },
  'vit-l-14': { projection_dim: 768, vision_config: vision(1024, 24, 14), text_config: text(768) },
  tiny: {
    projection_dim: 64,
    vision_config: { ...vision(64, 4, 16), image_size: 32 },
    text_config: { ...text(64), num_hidden_layers: 4 },
  },
};

/** The models that `randomClip` knows. */
export const modelNames = Object.keys(configs);

/** The fields of one of them, as Hugging Face's `config.json` has them. */
export const clipFields = (name) => configs[name];

/** The configuration of an image tower beside the smallest of text towers. `vision_config`: of Hugging Face's fields. */
export function imageOnly(vision_config) {
  const text_config = { ...text(64), num_hidden_layers: 1, vocab_size: 8 };
  return parseClipConfig({ vision_config, text_config });
}

export const vitB16 = configs['vit-b-16'].vision_config;

/** One of `modelNames` with normal weights; `only` keeps the parameters that it says yes to. */
export function randomClip(name, only = () => true) {
  const config = parseClipConfig(configs[name]);
  // Drawing each of hundreds of millions of weights would take longer than the measurement: a long period repeats.
  const random = new Random(0, 'bench', name);
  const period = Float32Array.from({ length: 65_521 }, () => random.normal());
  const params = {};
  for (const [key, shape] of Object.entries(expectedParams(config)).filter(([key]) => only(key))) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (key === 'logit_scale') data.fill(config.logit_scale_init_value);
    else if (/norm\d?\.weight$/.test(key)) data.fill(1);
    else if (!key.endsWith('.bias')) {
      const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
      const deviation = /embedding(\.weight)?$/.test(key) && !key.includes('patch') ? 0.02 : inputs ** -0.5;
      for (let i = 0; i < data.length; i++) data[i] = deviation * period[i % period.length];
    }
    params[key] = { shape, data };
  }
  return { config, params };
}

/**
 * The same as a whole checkpoint. A tokenizer of the full vocabulary is not shipped: the drawings' knows the first of
 * its ids.
 */
export async function randomCheckpoint(name) {
  const { config, params } = randomClip(name);
  const tokenizer = await loadTokenizer(fileURLToPath(new URL('../models/emoji-teacher', import.meta.url)));
  const ends = { bos_token_id: tokenizer.startId, eos_token_id: tokenizer.endId, pad_token_id: tokenizer.padId };
  return {
    config: { ...config, text_config: { ...config.text_config, ...ends } },
    params,
    preprocess: clipPreprocess(config.vision_config.image_size),
    tokenizer,
  };
}
