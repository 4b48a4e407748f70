import type { Checkpoint } from './checkpoint/checkpoint.js';
import { parseClipConfig } from './config.js';
import { siglipPreprocess } from './preprocess/preprocess-config.js';
import { tokenizerFromJson } from './tokenizer/tokenizer.js';
import { initClip } from './towers/initialise.js';

const words = ['▁red', '▁green', '▁blue', '▁grey', '▁gold', '▁a', '▁drawing', '▁of', '▁x', '▁thing', '▁stripes', '▁'];
const letters = [...'abcdefghijklmnopqrstuvwxyz'];

/** A `tokenizer.json` of the form of SigLIP's: lower case, no punctuation, Unigram, `</s>` behind a text. */
export const tokenizerJson = {
  version: '1.0',
  added_tokens: [
    { id: 1, content: '</s>', special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Lowercase' },
      { type: 'Replace', pattern: { Regex: '[!"#$%&\'()*+,./:;<=>?@^_`{|}~-]' }, content: '' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Strip', strip_left: true, strip_right: true },
    ],
  },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
    pair: [],
    special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
  },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [['<unk>', 0], ['</s>', 0], ...words.map((word) => [word, -1]), ...letters.map((letter) => [letter, -5])],
  },
};

const tokenizer = {
  ...tokenizerFromJson(tokenizerJson, { settings: { pad_token: '</s>', eos_token: '</s>' } }),
  fullLength: true,
};
const tower = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
const config = parseClipConfig({
  model_type: 'siglip',
  text_config: { ...tower, vocab_size: tokenizer.vocabSize, max_position_embeddings: 12 },
  vision_config: { ...tower, image_size: 16, patch_size: 4 },
});

/** A small random SigLIP with a tokenizer. */
export const siglip: Checkpoint = {
  config,
  params: initClip(config, 3),
  preprocess: siglipPreprocess(16),
  tokenizer,
};
