import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { OnnxPair } from '../clip/index.js';
import { UserError } from '../errors.js';
import { checkFiles, readJson, readJsonAs } from '../files/index.js';
import { type Feed, OnnxFile } from '../runtime/index.js';
import { brief } from '../schema-issue.js';
import { modelFiles } from './model-file.js';

/**
 * What a page takes of the folder that `promptkd vqa export` wrote.
 *
 * @param pair the model that the page shows
 * @returns answers, the length of questions, and by the page's files where they lie
 * @throws UserError where the folder is none, its files cannot be run, or the head stands on another model
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
  const [vision, head] = ['vqa_vision', 'vqa_head'].map((name) => join(folder, 'onnx', `${name}.onnx`)) as [
    string,
    string,
  ];
  await tryHead(vision, head, about);
  return {
    answers: about.answers,
    textLength: about.text_tokens,
    files: { [modelFiles.vqaVision]: vision, [modelFiles.vqaHead]: head },
  };
}

interface Asked {
  readonly image_size: number;
  readonly text_tokens: number;
  readonly answers: readonly string[];
}

/**
 * Asks about a black image, as the page will: a file that cannot be run would keep the whole page from loading.
 *
 * @throws UserError naming the file that cannot be run, or gives something else than a logit an answer
 */
async function tryHead(vision: string, head: string, { image_size: side, text_tokens: length, answers }: Asked) {
  const pixels = { shape: [1, 3, side, side], data: new Float32Array(3 * side * side) };
  const { patch_tokens } = await outputsOf(vision, { pixel_values: pixels }, 'patch_tokens');
  const question = { shape: [1, length], data: new Int32Array(length) };
  const { logits } = await outputsOf(head, { patch_tokens: patch_tokens!, input_ids: question }, 'logits');
  if (logits!.data.length === answers.length) return;
  throw new UserError(
    `${head}: expected a logit for each of the ${answers.length} answers of vqa.json, got ${logits!.data.length}: export the head again`,
  );
}

async function outputsOf(path: string, feeds: Readonly<Record<string, Feed>>, wanted: string) {
  let file: OnnxFile | undefined;
  try {
    file = await OnnxFile.open(path, { threads: 1 });
    const outputs = await file.run(feeds);
    if (!outputs[wanted]) throw new Error(`expected an output ${wanted}, got ${brief(file.outputs.join(', '))}`);
    return outputs;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!;
    throw new UserError(`${path}: expected a file of promptkd vqa export that can be run: ${reason}`);
  } finally {
    await file?.dispose();
  }
}
