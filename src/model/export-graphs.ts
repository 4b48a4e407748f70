import { endPositions, familyOf } from '../clip/index.js';
import { paramInputs, type TensorTree } from '../nn/index.js';
import {
  argMax,
  cast,
  constant,
  equal,
  type HostTensor,
  input,
  l2Normalize,
  positions,
  reshape,
  type Tensor,
  transpose,
  where,
} from '../tensor/index.js';
import type { VisionPrompts } from './fold.js';
import { imageFeatures, modelLogits, textFeatures } from './graphs.js';
import { textLimit } from './limits.js';
import type { TowerModel } from './model.js';
import { modelWeights } from './weights.js';

/** The ONNX files of a Transformers.js model, by name. */
export const graphNames = ['vision_model', 'text_model', 'model'] as const;
export type GraphName = (typeof graphNames)[number];

/** The graphs that a model has: a visual student has no text tower in its teacher's joint space. */
export const graphsOf = ({ projector }: Pick<TowerModel, 'projector'>): readonly GraphName[] =>
  projector ? ['vision_model'] : graphNames;

export interface ExportGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The model's weights, by input name; a graph takes what it uses. */
  readonly weights: Readonly<Record<string, HostTensor>>;
}

/**
 * A model as graphs with the input and output names of Transformers.js, batch and sequence axes left open:
 *
 * - `vision_model`: pixel_values [batch, 3, S, S] → image_embeds [batch, P]
 * - `text_model`: input_ids [batch, sequence] int64 → text_embeds [batch, P]
 * - `model`: both and attention_mask → logits_per_image, logits_per_text, and the embeds, here of unit length
 *
 * The encoders' outputs are called as the model's family calls them. Where it pads texts to one length, that axis is
 * fixed and `model` takes no attention_mask. Text prompts are computed in the graph from the ids.
 *
 * @param vision what stands in the graph as constants in place of the model's vision prompts
 */
export function exportGraph(name: GraphName, model: TowerModel, vision?: VisionPrompts): ExportGraph {
  const { config } = model;
  const weights = modelWeights(model);
  const p = paramInputs(weights);
  const { image_size: size, num_channels: channels } = config.vision_config;
  const { outputs, fixedTextLength } = familyOf(config);
  const pixels = (batch: string) => input('pixel_values', [batch, channels, size, size]);
  const length = fixedTextLength ? textLimit(model) : 'sequence_length';
  const tokens = (batch: string) => input('input_ids', [batch, length], 'int64');
  const embedImages = (given: Tensor) => imageFeatures(p, model, given, vision && constants(vision));
  if (name === 'vision_model') return { weights, outputs: { [outputs.image]: embedImages(pixels('batch_size')) } };
  if (name === 'text_model') {
    return { weights, outputs: { [outputs.text]: embedTexts(p, model, cast(tokens('batch_size'), 'int32')) } };
  }
  const images = embedImages(pixels('image_batch_size'));
  const given = tokens('text_batch_size');
  const texts = embedTexts(p, model, fixedTextLength ? cast(given, 'int32') : unmaskedIds(model, given));
  const logits = modelLogits(p, images, texts);
  return {
    weights,
    outputs: {
      logits_per_image: logits,
      logits_per_text: transpose(logits),
      text_embeds: l2Normalize(texts),
      image_embeds: l2Normalize(images),
    },
  };
}

const constants = ({ tokens, prefixes }: VisionPrompts) => ({
  prompts: tokens.map((prompt) => prompt && constant(prompt)),
  prefixes: prefixes.map((prefix) => prefix && { key: constant(prefix.key), value: constant(prefix.value) }),
});

function embedTexts(p: TensorTree, model: TowerModel, given: Tensor): Tensor {
  const { config, tokenizer } = model;
  const { eos_token_id: eos } = config.text_config;
  const { fixedTextLength } = familyOf(config);
  const ids = fixedTextLength ? given : withEndToken(given, eos === 2 ? tokenizer.endId : eos);
  return textFeatures(p, model, ids, endPositions(ids, config));
}

/**
 * Token ids [N, L] whose texts all have an end token: where one is missing it takes the last token's place.
 *
 * Transformers.js cuts a text that is too long without keeping its end token, and CLIP would read its start token.
 */
export function withEndToken(ids: Tensor, end: number): Tensor {
  const [texts, steps] = [cast(ids, 'float32'), positions(ids, 1)];
  const place = argMax(where(equal(texts, constant(end)), constant(1e9), cast(steps, 'float32'))); // [N]
  return cast(where(equal(steps, reshape(place, [ids.shape[0]!, 1])), end, texts), 'int32');
}

/** A token that the attention mask hides is read as padding, which no end token looks at. */
export function unmaskedIds({ tokenizer }: Pick<TowerModel, 'tokenizer'>, ids: Tensor): Tensor {
  const mask = input('attention_mask', ids.shape, 'int64');
  const hidden = equal(cast(mask, 'int32'), constant({ shape: [], data: Int32Array.of(0) }));
  return cast(where(hidden, tokenizer.padId, cast(cast(ids, 'int32'), 'float32')), 'int32');
}
