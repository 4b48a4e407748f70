import {
  type Checkpoint,
  fitPixels,
  fullTexts,
  isSiglip,
  textTower,
  visionTower,
  wholeTokenTable,
} from '../clip/index.js';
import { ranksFor } from '../model/index.js';
import { type Params, paramFeeds, paramInputs, shardAxis } from '../nn/index.js';
import type { PromptEncoderConfig } from '../prompt/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { type HostTensor, input, mean, mul, slice, sum, type Tensor } from '../tensor/index.js';

/**
 * Lets prompts begin as what the frozen towers are used to, as CoOp begins with the words of a template (Zhou et al.,
 * arXiv 2109.01134, section 3.1): each head's bias becomes, at its layer, the mean of the tower's own tokens over some texts
 * or images. Nearly empty prompts are no neutral start: the norm in front of each layer blows them up to noise of full size.
 *
 * @param prompt whose heads' biases are written
 * @param some class texts, `ids` [N, L] and `ends` [N], and images, `pixels` [B, 3, S, S], brought to the model's size
 */
export async function startFromTypicalTokens(
  prompt: { readonly params: Params; readonly config: PromptEncoderConfig },
  model: Pick<Checkpoint, 'config' | 'params'>,
  some: { readonly ids: HostTensor; readonly ends: HostTensor; readonly pixels: HostTensor },
  options: CompileOptions = {},
): Promise<void> {
  const { text_layers, vision_layers } = prompt.config;
  for (const [tower, means] of [
    ['text', text_layers > 0 ? await wordMeans(model, some, text_layers, options) : []],
    ['vision', vision_layers > 0 ? await patchMeans(model, some.pixels, vision_layers, options) : []],
  ] as const) {
    for (const [layer, mean] of means.entries()) {
      const bias = prompt.params[`${tower}_heads.${layer}.bias`]!.data;
      for (let i = 0; i < bias.length; i++) bias[i] = mean[i % mean.length]!;
    }
  }
}

/** Means over the words between start and end token: of their embeddings, then of what goes into each later block. */
async function wordMeans(
  { config, params }: Pick<Checkpoint, 'config' | 'params'>,
  { ids, ends }: { readonly ids: HostTensor; readonly ends: HostTensor },
  layers: number,
  options: CompileOptions,
): Promise<Float32Array[]> {
  const [count, length] = ids.shape as [number, number];
  const first = isSiglip(config) ? 0 : 1;
  const weights = new Float32Array(count * length);
  for (const [row, end] of ends.data.entries()) weights.fill(1, row * length + first, row * length + end);
  const words = weights.reduce((a, b) => a + b);
  for (let i = 0; i < weights.length; i++) weights[i]! /= words;

  const table = wholeTokenTable(params);
  const width = config.text_config.hidden_size;
  const embedded = new Float32Array(width);
  for (const [place, weight] of weights.entries()) {
    if (weight === 0) continue;
    const from = ids.data[place]! * width;
    for (let k = 0; k < width; k++) embedded[k]! += weight * table.data[from + k]!;
  }
  if (layers === 1) return [embedded];
  const fed = { ids: input('ids', ids.shape, 'int32'), ends: input('ends', ends.shape, 'int32') };
  const ranks = ranksFor('model', config, options);
  const tower = textTower(paramInputs(params, '', ranks), config, fullTexts(fed.ids, config), fed.ends, { ranks });
  const share = input('share', [count, length, 1]);
  const outputs: Record<string, Tensor> = {};
  for (let layer = 1; layer < layers; layer++)
    outputs[layer] = sum(mul(slice(tower.hidden[layer]!, 1, 0, length), share), [0, 1]);
  const feeds = { ids, ends, share: { shape: [count, length, 1], data: weights } };
  return [embedded, ...(await meansOf(outputs, feeds, params, options))];
}

/** Means over the patch tokens: of what the norm in front of the first block makes them of, then of each later block's input. */
async function patchMeans(
  { config, params }: Pick<Checkpoint, 'config' | 'params'>,
  pixels: HostTensor,
  layers: number,
  options: CompileOptions,
): Promise<Float32Array[]> {
  const first = isSiglip(config) ? 0 : 1;
  const fed = fitPixels(input('pixels', pixels.shape), config.vision_config.image_size);
  const ranks = ranksFor('model', config, options);
  const tower = visionTower(paramInputs(params, '', ranks), config, fed, { ranks });
  const outputs: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++) outputs[layer] = mean(slice(tower.hidden[layer]!, 1, first), [0, 1]);
  const means = await meansOf(outputs, { pixels }, params, options);
  const [weight, bias] = ['weight', 'bias'].map((part) => params[`vision_model.pre_layrnorm.${part}`]?.data);
  // The first prompt goes through the norm as the patches do.
  if (weight && bias) means[0] = means[0]!.map((x, k) => (x - bias[k]!) / (weight[k]! || 1));
  return means;
}

async function meansOf(
  outputs: Record<string, Tensor>,
  feeds: Record<string, HostTensor>,
  params: Params,
  options: CompileOptions,
): Promise<Float32Array[]> {
  const program = await compile({ outputs, shards: shardAxis }, { ...options, fixed: paramFeeds(params) });
  try {
    return Object.values(await program.run(feeds)).map(({ data }) => Float32Array.from(data));
  } finally {
    await program.dispose();
  }
}
