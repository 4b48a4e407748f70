import type { Checkpoint, Dtype, OnnxPair } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Params } from '../nn/index.js';
import type { SavedPrompts } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { TrainingRecord } from './training-record.js';

/** Deep prompts alone, the same for all images and for all texts, without an encoder that makes them of a text. */
export interface DeepPrompts {
  /** `vision.0`, `vision.1`, … [n, width of the vision tower] */
  readonly vision: Params;
  /** `text.0`, `text.1`, … [n, width of the text tower]; they stand in the place of a text's first n tokens. */
  readonly text?: Params;
  readonly encoder?: undefined;
}

/** Text features that stay as they are: those of some classes. */
export interface ClassVectors {
  readonly names: readonly string[];
  /** [classes, P], unit rows */
  readonly features: HostTensor<Float32Array>;
  /** Texts that they are the mean of, `{}` or `[OBJ]` standing for the name. */
  readonly templates: readonly string[];
  /** Of the templates in a class's mean; without them all weighed alike. */
  readonly weights?: readonly number[];
}

/** Where a model was read from. */
export interface ModelSource {
  readonly folder: string;
  /** Of its ONNX files. */
  readonly dtype?: Dtype;
  /** The files that hold its weights, and their bytes together. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/** What every model has. */
interface Described extends Pick<Checkpoint, 'config' | 'preprocess' | 'tokenizer'> {
  readonly classes?: ClassVectors;
  /** Left out of a model from elsewhere. */
  readonly training?: TrainingRecord;
  /** Left out of a model that was read from no folder. */
  readonly source?: ModelSource;
}

/** A model whose weights the engine has: two towers, and what was learned beside them. A {@link Checkpoint} is one. */
export interface TowerModel extends Described {
  readonly params: Params;
  /** The prompts that it was trained with. */
  readonly prompts?: SavedPrompts | DeepPrompts;
  /**
   * Of a visual student (the CVPR 2024 recipe): from its joint space to its teacher's, see `projector`. It tells apart
   * `classes`, whose features are its teacher's, and reads no other texts.
   */
  readonly projector?: Params;
  readonly encoders?: undefined;
}

/** A model of which there are two encoders to run, but no weights: ONNX files. */
export interface EncoderModel extends Described {
  readonly encoders: OnnxPair;
}

/** A model as everything takes it that evaluates, compares, searches, exports, quantises or serves. */
export type Model = TowerModel | EncoderModel;

/**
 * A model whose weights are there.
 *
 * @param what is to be done with them, for the message
 * @throws UserError for ONNX files
 */
export function withTowers(model: Model, what: string): TowerModel {
  if (!model.encoders) return model;
  throw new UserError(
    `${what}: expected a model with its weights, got the ONNX files ${model.encoders.paths.join(' and ')}: give the checkpoint that they were exported from`,
  );
}

/** exp(logit_scale), the factor on cosines. */
export function logitFactor(model: Model): number {
  return Math.exp(model.encoders ? model.encoders.logitScale : model.params.logit_scale!.data[0]!);
}

/**
 * What is added to a model's logits; undefined of a model without, as CLIP, and of a visual student, whose classes are its
 * teacher's. See `scoringOf`.
 */
export function logitBias(model: Model): number | undefined {
  if (model.encoders) return model.encoders.logitBias;
  return model.projector ? undefined : model.params.logit_bias?.data[0];
}
