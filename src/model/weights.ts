import { hashParams } from '../files/index.js';
import { type Params, paramFeeds, type TensorTree } from '../nn/index.js';
import { countParameters } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { Model, TowerModel } from './model.js';

/** Before the names of what a model has beside its towers, where all its weights stand in one record. */
export const PARTS = {
  encoder: 'prompt_encoder.',
  vision: 'vision_prompts.',
  text: 'text_prompts.',
  projector: 'projector.',
} as const;

type Learned = Pick<TowerModel, 'params' | 'prompts' | 'projector'>;

/** All that a model has learned, by name: its towers' parameters, and its {@link PARTS}; the arrays themselves. */
export function modelWeights({ params, prompts, projector = {} }: Learned): Record<string, HostTensor> {
  return {
    ...paramFeeds(params),
    ...paramFeeds(prompts?.encoder ?? {}, PARTS.encoder),
    ...paramFeeds(prompts?.vision ?? {}, PARTS.vision),
    ...paramFeeds(textPromptsOf(prompts), PARTS.text),
    ...paramFeeds(projector, PARTS.projector),
  };
}

const textPromptsOf = (prompts: Learned['prompts']): Params => (prompts && 'text' in prompts && prompts.text) || {};

/** A model with some weights in place of its own, by the names of {@link modelWeights}. */
export function withWeights(model: TowerModel, weights: Readonly<Record<string, HostTensor>>): TowerModel {
  const { prompts, projector } = model;
  const replaced = (params: Params, prefix = ''): Params =>
    Object.fromEntries(Object.entries(params).map(([name, own]) => [name, weights[prefix + name] ?? own]));
  const vision = replaced(prompts?.vision ?? {}, PARTS.vision);
  return {
    ...model,
    params: replaced(model.params),
    prompts: prompts?.encoder
      ? { ...prompts, encoder: replaced(prompts.encoder, PARTS.encoder), vision }
      : prompts && { ...prompts, vision, text: prompts.text && replaced(prompts.text, PARTS.text) },
    projector: projector && replaced(projector, PARTS.projector),
  };
}

/** One of a model's {@link PARTS} in a graph, by its own names. */
export function partOf(p: TensorTree, part: keyof typeof PARTS): TensorTree {
  const prefix = PARTS[part];
  const own = Object.entries(p).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** Numbers in all of a model's weights; undefined where they are not there: ONNX files. */
export function parameterCount(model: Model): number | undefined {
  return model.encoders ? undefined : countParameters(modelWeights(model));
}

/** SHA-256 of a model's weights, prompts and projector included, or of its ONNX files. */
export function modelFingerprint(model: Model): string {
  return model.encoders ? model.encoders.fingerprint : hashParams(modelWeights(model));
}
