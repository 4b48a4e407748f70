import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../../errors.js';
import {
  checkFiles,
  fileList,
  finishFolder,
  readJson,
  readSafetensors,
  writeFileAtomic,
  writeSafetensors,
} from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import { readQuantized } from '../../weight-formats/index.js';
import { type ClipConfig, clipConfigJson, isSiglip, parseClipConfig } from '../config.js';
import { clipPreprocess, type PreprocessConfig, siglipPreprocess } from '../preprocess/preprocess-config.js';
import { preprocessConfigJson } from '../preprocess/processor-config.js';
import { loadTokenizer } from '../tokenizer/load-tokenizer.js';
import { type Tokenizer, vocabulary } from '../tokenizer/tokenizer.js';
import { resolveCheckpoint } from './hub.js';
import type { DownloadOptions } from './hub-cache.js';
import { loadOpenClip } from './openclip.js';
import { checkParams, isBuffer } from './params.js';
import { readPreprocess } from './processor-file.js';
import { checkQuantized, quantizedFile } from './weight-files.js';

/** A CLIP or SigLIP model with all that is needed to use it. */
export interface Checkpoint {
  readonly config: ClipConfig;
  readonly params: Params;
  readonly preprocess: PreprocessConfig;
  readonly tokenizer: Tokenizer;
}

/** A checkpoint's towers and image preprocessing, without the tokenizer. */
export type ClipWeights = Omit<Checkpoint, 'tokenizer'>;

/**
 * Reads a checkpoint folder in Hugging Face's layout (`config.json`; `model.safetensors`, whole or in shards;
 * `preprocessor_config.json` or `processor_config.json`; tokenizer files), the same with `quantized.safetensors` (`promptkd quantize`), or
 * OpenCLIP's (`open_clip_config.json`, `open_clip_model.safetensors`). F16 and BF16 weights become F32. Every tensor is
 * accounted for.
 *
 * @param idOrFolder the folder, or the hub id of a model that is fetched first (see {@link resolveCheckpoint})
 * @throws UserError naming the file and field, or the tensors, at fault.
 */
export async function loadCheckpoint(idOrFolder: string, options: DownloadOptions = {}): Promise<Checkpoint> {
  const folder = await resolveCheckpoint(idOrFolder, options);
  const weights = await loadWeights(folder);
  const tokenizer = { ...(await loadTokenizer(folder)), fullLength: isSiglip(weights.config) };
  checkVocabulary(tokenizer, weights.config, folder);
  return { ...weights, tokenizer };
}

/**
 * `loadCheckpoint` without the tokenizer, for folders that have none.
 *
 * @throws UserError naming file, field or tensor at fault
 */
export async function loadWeights(folder: string): Promise<ClipWeights> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`${folder}: expected the folder of a CLIP checkpoint, with config.json and model.safetensors`);
  }
  await finishFolder(folder); // a save may have been killed while it moved its files
  await checkFiles(folder, (file) => !file.endsWith('.onnx'));
  const path = (name: string) => join(folder, name);
  if (!existsSync(path('config.json')) && existsSync(path('open_clip_config.json'))) return loadOpenClip(folder);
  const config = parseClipConfig(await readJson(path('config.json')), path('config.json'));
  const params = checkParams(await readParams(folder), config, folder);
  const { image_size: size } = config.vision_config;
  const found = await readPreprocess(folder);
  const preprocess = found?.preprocess ?? (isSiglip(config) ? siglipPreprocess : clipPreprocess)(size);
  if (preprocess.size !== size) {
    throw new UserError(
      `${found!.file}: ${preprocess.crop ? 'crop_size' : 'size'}: expected ${size}, config.json's vision_config.image_size, got ${preprocess.size}`,
    );
  }
  return { config, params, preprocess };
}

/** The weights of `model.safetensors`, of `quantized.safetensors`, or of the shards that `model.safetensors.index.json` names. */
async function readParams(folder: string): Promise<Params> {
  const path = (name: string) => join(folder, name);
  checkQuantized(folder);
  if (existsSync(path('model.safetensors')))
    return readSafetensors(path('model.safetensors'), { skip: isBuffer }).tensors;
  if (existsSync(path(quantizedFile))) return readQuantized(path(quantizedFile), { skip: isBuffer }).tensors;
  const index = path('model.safetensors.index.json');
  if (existsSync(index)) return readShards(folder, index);
  for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'open_clip_pytorch_model.bin']) {
    if (!existsSync(path(name))) continue;
    const convert = name.startsWith('open_clip')
      ? `safetensors.torch.save_file(torch.load("${path(name)}", weights_only=True), "${path('open_clip_model.safetensors')}")`
      : `CLIPModel.from_pretrained("${folder}").save_pretrained("${folder}", safe_serialization=True)`;
    throw new UserError(
      `${path(name)}: expected model.safetensors (a .bin file can run code when it is read): convert it in Python with ${convert}`,
    );
  }
  throw new UserError(`${folder}: expected model.safetensors or model.safetensors.index.json`);
}

async function readShards(folder: string, index: string): Promise<Params> {
  const { weight_map: map } = ((await readJson(index)) ?? {}) as { weight_map?: unknown };
  if (typeof map !== 'object' || map === null || Object.values(map).some((file) => typeof file !== 'string')) {
    throw new UserError(`${index}: weight_map: expected an object of tensor names and file names`);
  }
  const shardOf = map as Record<string, string>;
  const params: Params = {};
  for (const file of new Set(Object.values(shardOf))) {
    if (basename(file) !== file) throw new UserError(`${index}: weight_map: expected plain file names, got ${file}`);
    const { tensors } = readSafetensors(join(folder, file), { skip: isBuffer });
    for (const [name, tensor] of Object.entries(tensors)) {
      if (shardOf[name] !== file)
        throw new UserError(
          `${join(folder, file)}: ${name}: expected in ${shardOf[name] ?? 'no shard'}, as the index says`,
        );
      params[name] = tensor;
    }
  }
  return params;
}

function checkVocabulary(tokenizer: Tokenizer, config: ClipConfig, folder: string): void {
  const { vocab_size: rows, eos_token_id: eos } = config.text_config;
  if (tokenizer.vocabSize > rows) {
    throw new UserError(
      `${folder}: the tokenizer has ${tokenizer.vocabSize} tokens, but config.json's text_config.vocab_size is ${rows}: ` +
        'expected no more tokens than the embedding has rows; is it another model’s tokenizer?',
    );
  }
  if (isSiglip(config)) return; // its configs name CLIP's special tokens, which nothing reads
  // Configs written before transformers 4.30 say 2 whatever the tokenizer, and are pooled at the largest id.
  if (eos !== 2 && eos !== tokenizer.endId) {
    throw new UserError(
      `${folder}: config.json's text_config.eos_token_id: expected ${tokenizer.endId}, the tokenizer's end token, got ${eos}`,
    );
  }
}

export interface SaveOptions {
  /** How weights are stored. @defaultValue 'F32' */
  readonly dtype?: 'F32' | 'F16';
  /** Most tokens of a text, for the tokenizer's settings. @defaultValue all positions of the text tower */
  readonly maxLength?: number;
}

/**
 * Writes a checkpoint folder in Hugging Face's layout, each file atomically and the weights last.
 *
 * @returns the files, relative to the folder
 * @throws UserError where the parameters do not fit the config, or a value does not fit F16.
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  { dtype = 'F32', maxLength }: SaveOptions = {},
): Promise<string[]> {
  const { config } = checkpoint;
  const params = checkParams(checkpoint.params, config, folder);
  const files = await saveDescription(folder, checkpoint, { dtype, maxLength });
  await writeSafetensors(join(folder, 'model.safetensors'), params, { dtype, metadata: { format: 'pt' } });
  return [...files, 'model.safetensors'];
}

/**
 * Writes what a checkpoint folder holds beside its weights: configuration, preprocessing and tokenizer.
 *
 * @returns the files, relative to the folder
 * @throws UserError where the tokenizer does not fit the config.
 */
export async function saveDescription(
  folder: string,
  { config, preprocess, tokenizer }: Omit<Checkpoint, 'params'>,
  { dtype = 'F32', maxLength }: SaveOptions = {},
): Promise<string[]> {
  checkVocabulary(tokenizer, config, folder);
  // Of what stood there before.
  await rm(join(folder, fileList), { force: true });
  const json = (name: string, content: object) =>
    writeFileAtomic(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
  await json('config.json', { ...clipConfigJson(config), torch_dtype: dtype === 'F16' ? 'float16' : 'float32' });
  await json('preprocessor_config.json', preprocessConfigJson(preprocess));
  // Another model's in the same folder would count before the one just written.
  await rm(join(folder, 'processor_config.json'), { force: true });
  await writeFileAtomic(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer.json)}\n`);
  await json('tokenizer_config.json', tokenizerSettings(tokenizer, config, maxLength));
  return ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json'];
}

function tokenizerSettings(
  tokenizer: Tokenizer,
  config: ClipConfig,
  maxLength = config.text_config.max_position_embeddings,
): object {
  const names = new Map([...vocabulary(tokenizer.json)].map(([name, id]) => [id, name]));
  for (const { id, content } of tokenizer.json.added_tokens) names.set(id, content);
  if (isSiglip(config)) {
    return {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: maxLength,
      eos_token: names.get(tokenizer.endId),
      pad_token: names.get(tokenizer.padId),
    };
  }
  return {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: maxLength,
    bos_token: names.get(tokenizer.startId ?? tokenizer.endId),
    eos_token: names.get(tokenizer.endId),
    unk_token: names.get(tokenizer.endId),
    pad_token: names.get(tokenizer.padId),
    do_lower_case: true,
  };
}
