import { modelWeights, type TowerModel } from '../../../model/index.js';
import { paramFeeds, paramInputs } from '../../../nn/index.js';
import { cast, constant, type HostTensor, input, type Tensor, toOnnx } from '../../../tensor/index.js';
import { patchTokens } from '../../patch-features.js';
import { storedWeights, type TaskDtype } from '../../stored-weights.js';
import { vqaHead } from '../head/head.js';
import { questionTokens } from '../head/question-tokens.js';
import type { VqaHead } from '../head/vqa-head.js';

/** The two graphs of an exported head. */
export const vqaGraphNames = ['vqa_vision', 'vqa_head'] as const;
export type VqaGraphName = (typeof vqaGraphNames)[number];

interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: Readonly<Record<string, HostTensor>>;
}

/**
 * A head and what it needs of its model as graphs of their own, so that an image is computed once for all its questions:
 *
 * - `vqa_vision`: pixel_values [batch, 3, S, S] → patch_tokens [batch, P, D]
 * - `vqa_head`: patch_tokens, and input_ids [batch, L] int64, padded to L → logits [batch, answers]; the text tower stands in it
 */
export function vqaGraph(name: VqaGraphName, model: TowerModel, head: VqaHead): Graph {
  const { config } = head;
  const weights = modelWeights(model);
  const p = paramInputs(weights);
  if (name === 'vqa_vision') {
    const { image_size: size, num_channels: channels } = model.config.vision_config;
    const pixels = input('pixel_values', ['batch_size', channels, size, size]);
    const { layers } = patchTokens(p, model, pixels, { layers: [config.vision_layer] });
    return { outputs: { patch_tokens: layers[0]! }, weights };
  }
  const patches = input('patch_tokens', ['batch_size', config.patches, config.vision_width]);
  const ids = cast(input('input_ids', ['batch_size', config.text_tokens], 'int64'), 'int32');
  const { logits } = vqaHead(paramInputs(head.params, 'vqa/'), config, {
    ...{ patches, ...questionTokens(p, model, ids) },
    ...{ answers: constant(head.directions), bias: constant(head.bias) },
  });
  return { outputs: { logits }, weights: { ...weights, ...paramFeeds(head.params, 'vqa/') } };
}

/** A graph as an ONNX file's bytes, weights inside. */
export function vqaOnnx(name: VqaGraphName, model: TowerModel, head: VqaHead, dtype: TaskDtype): Uint8Array {
  const { outputs, weights } = vqaGraph(name, model, head);
  return toOnnx({ outputs, initializers: storedWeights(weights, dtype) }).bytes;
}
