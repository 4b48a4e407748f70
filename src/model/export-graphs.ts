import { type ClipConfig, clipLogits, endPositions, isSiglip, textTower, visionTower } from '../clip/index.js';
import { projector } from '../model/index.js';
import { param, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { promptedTextTower } from '../prompt/index.js';
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
import { maxTextLength, type Student } from './student.js';

/** The ONNX files of a Transformers.js model, by name. */
export const graphNames = ['vision_model', 'text_model', 'model'] as const;
export type GraphName = (typeof graphNames)[number];

/** The graphs that a student has: a visual student has no text tower in its teacher's joint space. */
export const graphsOf = ({ visual }: Student): readonly GraphName[] => (visual ? ['vision_model'] : graphNames);

/** What the encoders' embeddings are called. */
export const embedNames = (config: ClipConfig) =>
  isSiglip(config) ? { image: 'pooler_output', text: 'pooler_output' } : { image: 'image_embeds', text: 'text_embeds' };

export interface ExportGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Everything the student knows, by input name; a graph takes what it uses. */
  readonly weights: Readonly<Record<string, HostTensor>>;
}

export const ENCODER = 'prompt_encoder.';
const PROJECTOR = 'projector.';

/**
 * A student as graphs with the input and output names of Transformers.js, batch and sequence axes left open:
 *
 * - `vision_model`: pixel_values [batch, 3, S, S] → image_embeds [batch, P]
 * - `text_model`: input_ids [batch, sequence] int64 → text_embeds [batch, P]
 * - `model`: both and attention_mask → logits_per_image, logits_per_text, and the embeds, here of unit length
 *
 * Of a SigLIP the encoders' outputs are called pooler_output, `model` takes no attention_mask, and texts have one length.
 *
 * Vision prompts are constants of the graph; text prompts are computed in it from the ids.
 */
export function exportGraph(name: GraphName, student: Student, vision?: VisionPrompts): ExportGraph {
  const { checkpoint, prompts, visual } = student;
  const p = paramInputs(checkpoint.params);
  const encoder = prompts && paramInputs(prompts.encoder, ENCODER);
  const weights = {
    ...paramFeeds(checkpoint.params),
    ...paramFeeds(prompts?.encoder ?? {}, ENCODER),
    ...paramFeeds(visual?.projector ?? {}, PROJECTOR),
  };
  const { image_size: size, num_channels: channels } = checkpoint.config.vision_config;
  const pixels = (batch: string) => input('pixel_values', [batch, channels, size, size]);
  const siglip = isSiglip(checkpoint.config);
  const length = siglip ? maxTextLength(student) : 'sequence_length';
  const tokens = (batch: string) => input('input_ids', [batch, length], 'int64');
  const { image, text } = embedNames(checkpoint.config);
  if (name === 'vision_model') {
    return { weights, outputs: { [image]: imageEmbeds(student, p, pixels('batch_size'), vision) } };
  }
  if (name === 'text_model') {
    return { weights, outputs: { [text]: textEmbeds(student, p, encoder, cast(tokens('batch_size'), 'int32')) } };
  }
  const images = imageEmbeds(student, p, pixels('image_batch_size'), vision);
  const given = tokens('text_batch_size');
  const texts = textEmbeds(student, p, encoder, siglip ? cast(given, 'int32') : unmaskedIds(student, given));
  const logits = clipLogits(images, texts, param(p, 'logit_scale'), p.logit_bias);
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

function imageEmbeds({ checkpoint, visual }: Student, p: TensorTree, pixels: Tensor, vision?: VisionPrompts): Tensor {
  const { embed } = visionTower(p, checkpoint.config, pixels, {
    prompts: vision?.tokens.map((prompt) => prompt && constant(prompt)),
    prefixes: vision?.prefixes.map((prefix) => prefix && { key: constant(prefix.key), value: constant(prefix.value) }),
    pooledOnly: true,
  });
  return visual ? projector(paramInputs(visual.projector, PROJECTOR), embed, 'running').features : embed;
}

function textEmbeds(
  { checkpoint, prompts }: Student,
  p: TensorTree,
  encoder: TensorTree | undefined,
  given: Tensor,
): Tensor {
  const { config, tokenizer } = checkpoint;
  const { eos_token_id: eos } = config.text_config;
  const ids = isSiglip(config) ? given : withEndToken(given, eos === 2 ? tokenizer.endId : eos);
  const ends = endPositions(ids, config);
  if (!prompts || !encoder) return textTower(p, config, ids, ends, { pooledOnly: true }).embed;
  return promptedTextTower(p, config, encoder, prompts.config, ids, ends, { pooledOnly: true }).embed;
}

/**
 * Token ids [N, L] whose texts all have an end token: where one is missing it takes the last token's place.
 *
 * Transformers.js cuts a text that is too long without keeping its end token, and CLIP would read its start token.
 */
function withEndToken(ids: Tensor, end: number): Tensor {
  const [texts, steps] = [cast(ids, 'float32'), positions(ids, 1)];
  const place = argMax(where(equal(texts, constant(end)), constant(1e9), cast(steps, 'float32'))); // [N]
  return cast(where(equal(steps, reshape(place, [ids.shape[0]!, 1])), end, texts), 'int32');
}

/** A token that the attention mask hides is read as padding, which no end token looks at. */
function unmaskedIds({ checkpoint }: Student, ids: Tensor): Tensor {
  const mask = input('attention_mask', ids.shape, 'int64');
  const hidden = equal(cast(mask, 'int32'), constant({ shape: [], data: Int32Array.of(0) }));
  return cast(where(hidden, checkpoint.tokenizer.padId, cast(cast(ids, 'int32'), 'float32')), 'int32');
}
