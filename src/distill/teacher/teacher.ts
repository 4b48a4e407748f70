import {
  type Checkpoint,
  type ClipConfig,
  type DownloadOptions,
  isOnnxPair,
  loadCheckpoint,
  loadOnnxPair,
  OnnxPair,
  type TokenizedTexts,
} from '../../clip/index.js';
import { checkpointFolder, type Model, type RunModelOptions, withWholeTokens } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { engineTeacher } from './engine-teacher.js';
import { onnxTeacher } from './onnx-teacher.js';
import type { TextProgress } from './text-progress.js';

/** What can be distilled: the engine's own checkpoint, or an ONNX pair, which gives embeddings alone. */
export type TeacherModel = Checkpoint | OnnxPair;

/** Which of the teacher's inner states are wanted; layers count from 1. */
export interface InnerStates {
  readonly hidden: readonly number[];
  readonly attention: readonly number[];
}

/** The vision side for batches of one size. Arrays are overwritten by the next run. */
export interface TeacherImagePass {
  /** Pixels [B, 3, S, S] → `embed` [B, P], `hidden.l` [B, T, D], `attention.l` [B, T, T], as far as wanted. */
  run(pixels: HostTensor<Float32Array>): Promise<Readonly<Record<string, HostTensor>>>;
  dispose(): Promise<void>;
}

/** What a teacher makes of N texts of L tokens, in a joint space of width P. */
export interface TeacherTexts {
  /** Not normalised [N, P]. */
  readonly embeds: Float32Array;
  /** Token features in the joint space [N, L, P], fp16; where asked for. */
  readonly words?: Uint16Array;
}

/** A frozen model as distillation sees it. */
export interface Teacher extends Pick<Checkpoint, 'config' | 'preprocess' | 'tokenizer'> {
  /** All weights; of a teacher without inner states `logit_scale` alone. */
  readonly params: Params;
  /** Whether it has weights, hidden states and attention maps that the losses can compare. */
  readonly inner: boolean;
  /** Of everything that its answers depend on beside preprocessing. */
  fingerprint(): string;
  /** @param wanted with `grid`, the patches pooled to a grid of that side */
  images(batch: number, wanted: InnerStates & { readonly grid?: number }): Promise<TeacherImagePass>;
  /** @throws the signal's reason where it is aborted */
  texts(tokens: TokenizedTexts, withWords: boolean, progress?: TextProgress): Promise<TeacherTexts>;
}

/** Options of {@link teacherOf}. */
export interface TeacherOptions {
  /** Deep prompts of an engine's checkpoint, of which `vision.0`, `vision.1`, … matter here. */
  readonly prompts?: Params;
  readonly compile?: CompileOptions;
}

/**
 * A model in the role of the teacher.
 *
 * @throws UserError for ranks that do not divide its heads and hidden units
 */
export function teacherOf(model: TeacherModel, { prompts = {}, compile = {} }: TeacherOptions = {}): Teacher {
  return model instanceof OnnxPair ? onnxTeacher(model) : engineTeacher(withWholeTokens(model), prompts, compile);
}

/** The teacher as everything takes it that measures models. */
export function modelOf(model: TeacherModel): Model {
  if (!(model instanceof OnnxPair)) return model;
  const { config, preprocess, tokenizer } = model;
  return { encoders: model, config, preprocess, tokenizer };
}

/**
 * Reads a teacher from a folder or hub id: a checkpoint where there are weights that the engine can train with, or an
 * ONNX pair where there is only that. A path to the folder `onnx/` itself asks for the pair.
 *
 * @throws UserError where it is neither
 */
export async function loadTeacher(
  idOrFolder: string,
  options: DownloadOptions & RunModelOptions & Pick<CompileOptions, 'device' | 'threads'> = {},
): Promise<TeacherModel> {
  const folder = await checkpointFolder(idOrFolder, options);
  return isOnnxPair(folder) ? loadOnnxPair(folder, options) : loadCheckpoint(folder);
}

/** Most images a batch, and most numbers in one layer's features of a batch: more are no quicker, and take memory. */
const mostImages = 64;
const mostNumbers = 2 ** 22;

/** Images that the teacher sees at a time: few where it is large. */
export function imagesAtATime({ vision_config: { image_size, patch_size, hidden_size } }: ClipConfig): number {
  const numbers = (1 + (image_size / patch_size) ** 2) * hidden_size;
  return Math.max(1, Math.min(mostImages, Math.floor(mostNumbers / numbers)));
}
