import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TensorProto_DataType } from 'onnx-buf';
import { OnnxEmitter } from '../../tensor/onnx-emitter.js';
import { onnxFile } from '../../tensor/onnx-graph.fixture.js';

/**
 * A model in Marian's layout, as Transformers.js reads it, that translates word by word: the encoder's states are one-hot
 * words, the decoder attends to the place that its cache has grown to, and its last layer is a dictionary.
 *
 * @param dictionary words of the texts by their translations; others stay
 */
export async function writeDictionaryModel(
  folder: string,
  words: readonly string[],
  dictionary: Readonly<Record<string, string>>,
): Promise<void> {
  const vocab = [
    '</s>',
    '<unk>',
    ...[...new Set([...words, ...Object.values(dictionary)])].map((w) => `▁${w}`),
    '<pad>',
  ];
  const size = vocab.length;
  const [end, pad] = [0, size - 1];
  const token = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const files: Record<string, unknown> = {
    'config.json': {
      architectures: ['MarianMTModel'],
      model_type: 'marian',
      is_encoder_decoder: true,
      vocab_size: size,
      d_model: size,
      decoder_layers: 1,
      decoder_attention_heads: 1,
      encoder_layers: 1,
      encoder_attention_heads: 1,
      decoder_start_token_id: pad,
      eos_token_id: end,
      pad_token_id: pad,
    },
    'generation_config.json': {
      decoder_start_token_id: pad,
      eos_token_id: end,
      pad_token_id: pad,
      bad_words_ids: [[pad]],
      // As Marian's own configurations ask for; who calls it asks for one.
      num_beams: 6,
    },
    'tokenizer_config.json': {
      tokenizer_class: 'MarianTokenizer',
      eos_token: '</s>',
      unk_token: '<unk>',
      pad_token: '<pad>',
      model_max_length: 64,
    },
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [token(end, '</s>'), token(1, '<unk>'), token(pad, '<pad>')],
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
        special_tokens: { '</s>': { id: '</s>', ids: [end], tokens: ['</s>'] } },
      },
      decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      model: { type: 'Unigram', unk_id: 1, vocab: vocab.map((one) => [one, one.startsWith('▁') ? -1 : 0]) },
    },
  };
  await mkdir(join(folder, 'onnx'), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  await writeFile(join(folder, 'onnx', 'encoder_model.onnx'), encoder(size));
  const to = vocab.map((one) => vocab.indexOf(`▁${dictionary[one.slice(1)] ?? one.slice(1)}`));
  const last = new Float32Array(size * size);
  for (const [from, target] of to.entries()) last[from * size + Math.max(target, 0)] = 1;
  await writeFile(join(folder, 'onnx', 'decoder_model_merged.onnx'), decoder(size, last));
}

function encoder(size: number): Uint8Array {
  const e = new OnnxEmitter();
  const oneHot = new Float32Array(size * size);
  for (let i = 0; i < size; i++) oneHot[i * size + i] = 1;
  e.node('Gather', [e.initializer({ shape: [size, size], data: oneHot }), 'input_ids'], ['embedded'], { axis: 0 });
  e.node('Cast', ['attention_mask'], ['seen'], { to: TensorProto_DataType.FLOAT });
  e.node('Unsqueeze', ['seen', e.int64s([2])], ['mask']);
  e.node('Mul', ['embedded', 'mask'], ['last_hidden_state']);
  const ids = ['int64', 'batch_size', 'encoder_sequence_length'] as const;
  return onnxFile(
    e,
    { input_ids: ids, attention_mask: ids },
    { last_hidden_state: ['float32', 'batch_size', 'encoder_sequence_length', size] },
  );
}

function decoder(size: number, last: Float32Array): Uint8Array {
  const e = new OnnxEmitter();
  const cache = 'past_key_values.0.decoder.key';
  e.node('Unsqueeze', ['input_ids', e.int64s([2, 3])], ['id4']); // [B, 1, 1, 1]
  e.node('Cast', ['id4'], ['key'], { to: TensorProto_DataType.FLOAT });
  e.node('Concat', [cache, 'key'], ['present.0.decoder.key'], { axis: 2 });
  e.node('Shape', [cache], ['grown']);
  e.node('Gather', ['grown', e.int64(2)], ['place'], { axis: 0 });
  e.node('Shape', ['encoder_hidden_states'], ['encoded']);
  e.node('Gather', ['encoded', e.int64(1)], ['length'], { axis: 0 });
  e.node('Sub', ['length', e.int64(1)], ['end']);
  e.node('Min', ['place', 'end'], ['held']);
  e.node('Gather', ['encoder_hidden_states', 'held'], ['state'], { axis: 1 }); // [B, size]
  e.node('MatMul', ['state', e.initializer({ shape: [size, size], data: last })], ['scores']);
  e.node('Unsqueeze', ['scores', e.int64s([1])], ['logits']);
  return onnxFile(
    e,
    {
      input_ids: ['int64', 'batch_size', 'decoder_sequence_length'],
      encoder_hidden_states: ['float32', 'batch_size', 'encoder_sequence_length', size],
      [cache]: ['float32', 'batch_size', 1, 'past_decoder_sequence_length', 1],
    },
    {
      logits: ['float32', 'batch_size', 'decoder_sequence_length', size],
      'present.0.decoder.key': ['float32', 'batch_size', 1, 'total_sequence_length', 1],
    },
  );
}
