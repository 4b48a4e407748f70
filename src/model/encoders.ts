import type { TokenizedTexts } from '../clip/index.js';
import { UserError } from '../errors.js';
import { type Params, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import { constant, type HostTensor, input, l2Normalize } from '../tensor/index.js';
import { imageFeatures, textFeatures } from './graphs.js';
import type { EncoderModel, Model } from './model.js';
import { modelWeights } from './weights.js';

/** A model's image side for batches of one size, ready to run. */
export interface ImageEncoder {
  /** Pixels [B, 3, S, S] → features [B, P], overwritten by the next call. */
  run(pixels: HostTensor<Float32Array>): Promise<HostTensor>;
  /** An {@link EncoderModel} stays open. */
  dispose(): Promise<void>;
}

/** A model's text side, ready to run. */
export interface TextEncoder {
  /** At most as many texts as it was made for, of its length → features [texts, P], overwritten by the next call. */
  run(texts: TokenizedTexts): Promise<HostTensor>;
  /** An {@link EncoderModel} stays open. */
  dispose(): Promise<void>;
}

/** Options of {@link imageEncoder}. */
export interface ImageEncoderOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Whether features are brought to unit length. @defaultValue true */
  readonly unit?: boolean;
  /** Whether the weights stand in the graph as constants, as in an exported model, and not in arrays that are fed. */
  readonly constantWeights?: boolean;
}

/**
 * The image side of a model, with its prompts and its projector, for `batch` images at a time.
 *
 * @throws UserError where the device cannot be used
 */
export async function imageEncoder(
  model: Model,
  batch: number,
  { unit = true, constantWeights = false, ...options }: ImageEncoderOptions = {},
): Promise<ImageEncoder> {
  if (model.encoders) {
    const { encoders } = model;
    const embed = (pixels: HostTensor<Float32Array>) => encoders.images(pixels);
    return unit ? unitRows(model, batch, embed, options) : { run: embed, dispose: async () => {} };
  }
  const { size } = model.preprocess;
  const weights = modelWeights(model);
  const p = constantWeights ? constants(weights) : paramInputs(weights);
  const features = imageFeatures(p, model, input('pixels', [batch, 3, size, size]));
  const fixed = constantWeights ? {} : paramFeeds(weights);
  const program = await compile(
    { outputs: { features: unit ? l2Normalize(features) : features } },
    { ...options, fixed },
  );
  return { run: async (pixels) => (await program.run({ pixels })).features!, dispose: () => program.dispose() };
}

/**
 * The text side of a model for up to `batch` texts of `length` tokens at a time, each with the prompts that a prompted
 * model makes of it; features of unit length.
 *
 * @throws UserError for a visual student, which has no text tower in its teacher's joint space
 */
export async function textEncoder(
  model: Model,
  batch: number,
  length: number,
  options: Pick<CompileOptions, 'device' | 'threads'> = {},
): Promise<TextEncoder> {
  if (model.encoders) {
    const { encoders } = model;
    return unitRows(model, batch, (texts: TokenizedTexts) => encoders.texts(texts), options);
  }
  if (model.projector) {
    throw new UserError(
      'the model is a visual student (cvpr2024): it knows the classes that it was saved with, and no other texts; use its teacher here',
    );
  }
  const weights = modelWeights(model);
  const [ids, ends] = [input('ids', [batch, length], 'int32'), input('ends', [batch], 'int32')];
  const features = l2Normalize(textFeatures(paramInputs(weights), model, ids, ends));
  const program = await compile({ outputs: { features } }, { ...options, fixed: paramFeeds(weights) });
  const block = {
    ids: { shape: [batch, length], data: new Int32Array(batch * length) },
    ends: { shape: [batch], data: new Int32Array(batch) },
  };
  return {
    async run(texts) {
      // Rows behind the texts keep what they had: their features are dropped.
      block.ids.data.set(texts.ids);
      block.ends.data.set(texts.ends);
      return firstRowsOf((await program.run(block)).features!, texts.ends.length);
    },
    dispose: () => program.dispose(),
  };
}

/** What ONNX files give, brought to unit length by the engine. */
async function unitRows<Input>(
  { config }: EncoderModel,
  batch: number,
  embed: (given: Input) => Promise<HostTensor<Float32Array>>,
  options: CompileOptions,
): Promise<{ run(given: Input): Promise<HostTensor>; dispose(): Promise<void> }> {
  const rows = { shape: [batch, config.projection_dim], data: new Float32Array(batch * config.projection_dim) };
  const program: Runnable = await compile({ outputs: { unit: l2Normalize(input('rows', rows.shape)) } }, options);
  return {
    async run(given) {
      const { shape, data } = await embed(given);
      rows.data.set(data);
      return firstRowsOf((await program.run({ rows })).unit!, shape[0]!);
    },
    dispose: () => program.dispose(),
  };
}

const firstRowsOf = ({ shape, data }: HostTensor, count: number): HostTensor => ({
  shape: [count, ...shape.slice(1)],
  data: data.subarray(0, (count * data.length) / shape[0]!),
});

const constants = (params: Params): TensorTree =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, constant(value)]));
