import { existsSync } from 'node:fs';
import { UserError } from '../../errors.js';
import type { DownloadOptions } from './hub-cache.js';
import { shippedModel } from './shipped-model.js';

const ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** What a model is used with, beside its weights; a student's prompts are `prompt_encoder.safetensors`. */
const BESIDE = [
  'config.json',
  'open_clip_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
  'merges.txt',
  'prompt_encoder.safetensors',
];
const ONNX = ['onnx/vision_model.onnx', 'onnx/text_model.onnx'];

/**
 * The folder of a checkpoint: the one given, that of a shipped model (`promptkd:emoji-teacher`), or where there is none and the name could be a Hugging Face hub id
 * (`openai/clip-vit-base-patch32`), that model's snapshot in the cache, fetched first. With `HF_HUB_OFFLINE=1` the
 * cache alone is looked at.
 *
 * @throws UserError where the model cannot be had
 */
export function resolveCheckpoint(idOrFolder: string, options: DownloadOptions = {}): Promise<string> {
  return resolveModel(idOrFolder, (names) => checkpointFiles(idOrFolder, names), options);
}

/**
 * The same for a model of any kind.
 *
 * @param choose of a repository's files those that are read
 * @throws UserError where the model cannot be had
 */
export async function resolveModel(
  idOrFolder: string,
  choose: (names: readonly string[]) => readonly string[],
  options: DownloadOptions = {},
): Promise<string> {
  if (existsSync(idOrFolder)) return idOrFolder;
  if (!ID.test(idOrFolder)) return shippedModel(idOrFolder);
  const { cachedSnapshot, fetchSnapshot } = await import('./hub-cache.js');
  if (isOffline()) return cachedSnapshot(idOrFolder);
  return fetchSnapshot(idOrFolder, choose, options);
}

function isOffline(): boolean {
  return ['1', 'on', 'yes', 'true'].includes((process.env.HF_HUB_OFFLINE ?? '').toLowerCase());
}

/** Of a repository's files those that are read: one form of the weights, and what goes with it. */
function checkpointFiles(id: string, names: readonly string[]): string[] {
  const has = (name: string) => names.includes(name);
  let weights: string[];
  if (has('config.json') && has('model.safetensors')) weights = ['model.safetensors'];
  else if (has('config.json') && has('model.safetensors.index.json')) {
    const shards = names.filter((name) => /^model-\d+-of-\d+\.safetensors$/.test(name));
    weights = ['model.safetensors.index.json', ...shards];
  } else if (has('open_clip_config.json') && has('open_clip_model.safetensors')) {
    weights = ['open_clip_model.safetensors'];
  } else if (has('config.json') && ONNX.every(has)) {
    weights = [...ONNX, ...ONNX.map((name) => `${name}_data`).filter(has)];
  } else {
    const other = names.find((name) => /\.(bin|pt|pth|ckpt|h5|msgpack)$/.test(name));
    throw new UserError(
      `${id}: expected config.json and model.safetensors in that repository, ` +
        (other
          ? `got ${other}: convert it in Python with CLIPModel.from_pretrained("${id}").save_pretrained("FOLDER", safe_serialization=True)`
          : 'or onnx/vision_model.onnx and onnx/text_model.onnx: is it a CLIP model?'),
    );
  }
  // An OpenCLIP repository's config.json may describe weights that are not there.
  const beside = weights[0]?.startsWith('open_clip') ? BESIDE.filter((name) => name !== 'config.json') : BESIDE;
  return [...beside.filter(has), ...weights];
}
