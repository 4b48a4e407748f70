import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DownloadOptions,
  loadCheckpoint,
  loadOnnxPair,
  OnnxPair,
  type OnnxPairOptions,
  onnxFolder,
  resolveCheckpoint,
} from '../clip/index.js';
import { UserError } from '../errors.js';
import { visualStudentFile } from '../model/index.js';
import { loadPrompts } from '../prompt/index.js';
import { OnnxFile } from '../runtime/index.js';
import { toOnnx } from '../tensor/index.js';
import { foldVisionPrompts } from './fold.js';
import { exportGraph, type GraphName } from './graphs.js';
import { checkPrompts, maxTextLength, type Student } from './student.js';

/**
 * Opens a model for inference, batch and text length left open: its ONNX files where it has some, otherwise the graphs
 * that its export would have, prompts folded, without writing them. A variant that is asked for by `dtype` must be there.
 *
 * @param idOrFolder checkpoint folder, export or hub id
 * @throws UserError where it cannot be read
 */
export async function openEncoders(
  idOrFolder: string,
  options: DownloadOptions & OnnxPairOptions = {},
): Promise<OnnxPair> {
  const folder = await resolveCheckpoint(idOrFolder, options);
  if (options.dtype !== undefined || onnxFolder(folder)) return loadOnnxPair(folder, options);
  if (existsSync(join(folder, visualStudentFile))) {
    throw new UserError(
      `${folder}: a visual student (cvpr2024) reads no texts: expected a model with a text tower; export it, and use its vision model with classifier.safetensors`,
    );
  }
  const student: Student = { checkpoint: await loadCheckpoint(folder), prompts: await loadPrompts(folder) };
  checkPrompts(student);
  const { params, config, preprocess, tokenizer } = student.checkpoint;
  const vision = student.prompts && (await foldVisionPrompts(params, config, student.prompts.vision));
  const open = (name: GraphName) => {
    const { outputs, weights } = exportGraph(name, student, vision);
    return OnnxFile.open(toOnnx({ outputs, initializers: weights }).bytes, options);
  };
  const [images, texts] = [await open('vision_model'), await open('text_model')];
  const limited = {
    ...config,
    text_config: { ...config.text_config, max_position_embeddings: maxTextLength(student) },
  };
  const logitScale = params.logit_scale!.data[0]!;
  return new OnnxPair(images, texts, limited, preprocess, tokenizer, logitScale, '', []);
}
