import { endPositions, familyOf } from '../clip/index.js';
import { logitFactor, modelWeights, unmaskedIds, withEndToken } from '../model/index.js';
import { paramInputs } from '../nn/index.js';
import { add, cast, input, l2Normalize, matmul, mul, type Tensor, transpose } from '../tensor/index.js';
import type { Bank } from './bank.js';
import { bankTextLimit, wideFactor, wideImages, wideTexts } from './bank-embeds.js';
import { bankImages, sharedInputs } from './bank-graph.js';

export type BankGraphName = 'vision_model' | 'text_model' | 'model';

/**
 * A bank as graphs with the input and output names of Transformers.js, as `exportGraph` makes them of a model, routing
 * inside: `vision_model` makes wide embeddings (see `wideImages`) and says beside them which `task` each image was taken for,
 * by its place in the bank, the number of tasks where none was recognised, with `task_scores` [batch, T].
 *
 * @returns outputs whose weights are inputs, see `bankWeights`
 */
export function bankExportGraph(name: BankGraphName, bank: Bank): Readonly<Record<string, Tensor>> {
  const { frozen } = bank;
  const { config } = frozen;
  const { image_size: size, num_channels: channels } = config.vision_config;
  const { outputs, fixedTextLength } = familyOf(config);
  const base = paramInputs(modelWeights(frozen));
  const shared = sharedInputs(bank, base);
  const images = (batch: string) => {
    const made = bankImages(bank, input('pixel_values', [batch, channels, size, size]), base, shared);
    return { embeds: wideImages(bank, made), told: made.task && { task: made.task, task_scores: made.scores! } };
  };
  const length = fixedTextLength ? bankTextLimit(bank) : 'sequence_length';
  const tokens = (batch: string) => input('input_ids', [batch, length], 'int64');
  const texts = (given: Tensor) => {
    const { eos_token_id: eos } = config.text_config;
    const ids = fixedTextLength ? given : withEndToken(given, eos === 2 ? frozen.tokenizer.endId : eos);
    return wideTexts(bank, base, shared, ids, endPositions(ids, config));
  };
  if (name === 'vision_model') {
    const { embeds, told } = images('batch_size');
    return { [outputs.image]: embeds, ...told };
  }
  if (name === 'text_model') return { [outputs.text]: texts(cast(tokens('batch_size'), 'int32')) };
  const { embeds, told } = images('image_batch_size');
  const given = tokens('text_batch_size');
  const words = texts(fixedTextLength ? cast(given, 'int32') : unmaskedIds(frozen, given));
  const image = l2Normalize(embeds);
  const text = l2Normalize(words);
  const scaled = mul(matmul(image, text, { transposeB: true }), bankLogitFactor(bank));
  const bias = frozen.params.logit_bias?.data[0];
  const logits = bias === undefined ? scaled : add(scaled, bias);
  return {
    ...{ logits_per_image: logits, logits_per_text: transpose(logits), text_embeds: text, image_embeds: image },
    ...told,
  };
}

/** Factor on cosines of the wide embeddings. */
export const bankLogitFactor = (bank: Bank): number => logitFactor(bank.frozen) * wideFactor(bank);

/** Wide embeddings of images [B, 3, S, S] and of texts, ids [N, L] and ends [N], for the engine; weights as {@link bankWeights}. */
export function bankEmbeds(bank: Bank, pixels: Tensor, ids: Tensor, ends: Tensor): { images: Tensor; texts: Tensor } {
  const base = paramInputs(modelWeights(bank.frozen));
  const shared = sharedInputs(bank, base);
  return {
    images: wideImages(bank, bankImages(bank, pixels, base, shared)),
    texts: wideTexts(bank, base, shared, ids, ends),
  };
}
