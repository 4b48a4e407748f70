import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { OnnxPair } from '../clip/index.js';
import { UserError } from '../errors.js';
import { checkFiles, readJson, readJsonAs } from '../files/index.js';
import { modelFiles } from './model-file.js';

/**
 * What a page takes of the folder that `promptkd vqa export` wrote.
 *
 * @param pair the model that the page shows
 * @returns answers, the length of questions, and by the page's files where they lie
 * @throws UserError where the folder is none, or the head stands on another model
 */
export async function readVqaExport(folder: string, pair: OnnxPair) {
  // Not before there is a head: the tasks bring all of training along.
  const { vqaManifest, vqaManifestFile } = await import('../tasks/index.js');
  const about = await readJsonAs(join(folder, vqaManifestFile), vqaManifest);
  await checkFiles(folder, () => true);
  const tokenizer = await readJson(join(folder, 'tokenizer.json'));
  const { size } = pair.preprocess;
  // As JSON has it: fields that are not set do not count.
  const own = JSON.parse(JSON.stringify(pair.tokenizer.json)) as unknown;
  if (about.image_size !== size || !isDeepStrictEqual(tokenizer, own)) {
    throw new UserError(
      `${folder}: expected a head of this model, got one of another, with ${about.image_size === size ? 'another tokenizer' : `images of ${about.image_size} pixels in place of ${size}`}: export the head that was trained on it`,
    );
  }
  return {
    answers: about.answers,
    textLength: about.text_tokens,
    files: {
      [modelFiles.vqaVision]: join(folder, 'onnx', 'vqa_vision.onnx'),
      [modelFiles.vqaHead]: join(folder, 'onnx', 'vqa_head.onnx'),
    },
  };
}
