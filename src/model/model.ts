import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Checkpoint,
  type DownloadOptions,
  isOnnxPair,
  loadCheckpoint,
  loadOnnxPair,
  type OnnxPair,
  type OnnxPairOptions,
  resolveCheckpoint,
  weightFiles,
} from '../clip/index.js';
import { countParameters, loadPrompts, promptFile, type SavedPrompts } from '../prompt/index.js';
import { loadVisualStudent, type SavedVisualStudent, visualStudentFile } from './visual-student-file.js';

/** A model as it is measured: towers, and a prompted or a visual student's parts. */
export interface EvaluatedModel {
  readonly checkpoint: Checkpoint;
  readonly prompts?: SavedPrompts;
  /** Of a student of the CVPR 2024 recipe, which tells apart only the classes that it was saved with. */
  readonly visual?: SavedVisualStudent;
  /** Numbers in the towers, the prompt encoder, the vision prompts and the projector. */
  readonly params: number;
  /** Of the weights on disk. */
  readonly bytes: number;
}

/** An ONNX pair as it is measured. */
export interface EvaluatedPair {
  readonly pair: OnnxPair;
  /** Of its files. */
  readonly bytes: number;
}

/** exp(logit_scale), the factor on cosines. */
export function logitFactor(model: Pick<EvaluatedModel, 'checkpoint'> | Pick<EvaluatedPair, 'pair'>): number {
  return Math.exp('pair' in model ? model.pair.logitScale : model.checkpoint.params.logit_scale!.data[0]!);
}

/**
 * Reads a model to measure: an ONNX pair where a folder holds nothing else, is itself one's `onnx/`, or a variant of its
 * files is asked for; otherwise as `loadModel` does.
 *
 * @throws UserError where it cannot be read
 */
export async function loadModelOrPair(
  idOrFolder: string,
  options: DownloadOptions & OnnxPairOptions = {},
): Promise<EvaluatedModel | EvaluatedPair> {
  const folder = await resolveCheckpoint(idOrFolder, options);
  if (options.dtype === undefined && !isOnnxPair(folder)) return loadModel(folder);
  const pair = await loadOnnxPair(folder, options);
  return { pair, bytes: await sizeOf(pair.paths) };
}

async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((a, b) => a + b, 0);
}

/**
 * Reads a checkpoint folder or hub id, with its prompts where it has some.
 *
 * @throws UserError where it cannot be read
 */
export async function loadModel(idOrFolder: string, options: DownloadOptions = {}): Promise<EvaluatedModel> {
  const folder = await resolveCheckpoint(idOrFolder, options);
  const checkpoint = await loadCheckpoint(folder);
  const prompts = await loadPrompts(folder);
  const visual = await loadVisualStudent(folder, checkpoint.config);
  const files = await weightFiles(folder);
  if (prompts) files.push(join(folder, promptFile));
  if (visual) files.push(join(folder, visualStudentFile));
  const parts = [checkpoint.params, prompts?.encoder, prompts?.vision, visual?.prompts, visual?.projector];
  return {
    checkpoint,
    prompts,
    visual,
    params: parts.reduce((sum, p) => sum + countParameters(p ?? {}), 0),
    bytes: await sizeOf(files),
  };
}
