import type { Checkpoint } from '../clip/checkpoint/checkpoint.js';
import { parseClipConfig } from '../clip/config.js';
import { clipPreprocess } from '../clip/preprocess/preprocess-config.js';
import { trainTokenizer } from '../clip/tokenizer/bpe-trainer.js';
import { tokenizerFromJson } from '../clip/tokenizer/tokenizer.js';
import { initClip } from '../clip/towers/initialise.js';
import { Random } from '../math/random.js';
import type { Params } from '../nn/index.js';
import { initPromptEncoder, type PromptEncoderConfig, type SavedPrompts } from '../prompt/index.js';

const tokenizer = tokenizerFromJson(trainTokenizer(['a drawing of a red cat', 'two small houses under a tree'], 560));
const text = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
const config = parseClipConfig({
  projection_dim: 12,
  text_config: {
    ...text,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: 24,
    bos_token_id: tokenizer.startId,
    eos_token_id: tokenizer.endId,
    pad_token_id: tokenizer.padId,
  },
  vision_config: {
    hidden_size: 24,
    intermediate_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 3,
    image_size: 16,
    patch_size: 4,
  },
});

/** A small random CLIP model with a tokenizer. */
export const checkpoint: Checkpoint = {
  config,
  params: initClip(config, 7),
  preprocess: clipPreprocess(16),
  tokenizer,
};

/** Prompts for it as large as tokens are, so that a fault in them shows. */
export function promptsFor(visionLayers: number, textLayers = 2, shared = false): SavedPrompts {
  const encoder: PromptEncoderConfig = {
    width: 8,
    layers: 2,
    heads: 2,
    intermediate_size: 16,
    vocab_size: tokenizer.vocabSize,
    max_length: 20,
    n_ctx: 3,
    text_layers: textLayers,
    vision_layers: visionLayers,
    text_width: config.text_config.hidden_size,
    vision_width: config.vision_config.hidden_size,
    ...(shared ? { shared_embedding_width: config.text_config.hidden_size } : {}),
  };
  const params = initPromptEncoder(encoder, 3);
  for (const [name, { data }] of Object.entries(params)) {
    if (name.startsWith('text_heads')) for (let i = 0; i < data.length; i++) data[i] = data[i]! * 40;
  }
  const random = new Random('vision prompts');
  const vision: Params = {};
  for (let l = 0; l < visionLayers; l++) {
    const shape = [encoder.n_ctx, encoder.vision_width];
    vision[`vision.${l}`] = {
      shape,
      data: Float32Array.from({ length: shape[0]! * shape[1]! }, () => random.normal()),
    };
  }
  return { config: encoder, encoder: params, vision };
}
