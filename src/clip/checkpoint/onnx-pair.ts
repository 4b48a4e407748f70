import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { checkFiles, finishFolder, readJsonAs, readSafetensors } from '../../files/index.js';
import { type CompileOptions, OnnxFile } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { type ClipConfig, MAX_POSITIONS, parseClipConfig } from '../config.js';

import { embeddingOutputs, families } from '../family.js';
import type { PreprocessConfig } from '../preprocess/preprocess-config.js';

import { loadTokenizer } from '../tokenizer/load-tokenizer.js';
import type { TokenizedTexts } from '../tokenizer/tokenize-all.js';
import { type Tokenizer, withTokenizer } from '../tokenizer/tokenizer.js';

import { type Dtype, suffixes } from './onnx-dtypes.js';
import { readPreprocess } from './processor-file.js';
import { checkQuantized, hasWeights, quantizedFile } from './weight-files.js';

/** Image and text encoder of a variant. */
const filesOf = (dtype: Dtype) => ['vision_model', 'text_model'].map((name) => `${name}${suffixes[dtype]}.onnx`);

/** How a pair of ONNX encoders is opened. */
export interface OnnxPairOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Which of the folder's variants, as Transformers.js names them. @defaultValue 'fp32' */
  readonly dtype?: Dtype;
}
const { image: IMAGE, text: TEXTS } = embeddingOutputs;
/** CLIP's training ends at its bound. */
const TRAINED_LOGIT_SCALE = families.clip.largestLogitScale;

/** Image and text encoder of a CLIP-like model as ONNX files: embeddings alone, no weights and no inner states. */
export class OnnxPair {
  /** @internal See {@link loadOnnxPair}. */
  constructor(
    private readonly vision: OnnxFile,
    private readonly text: OnnxFile,
    /** Vocabulary, text length, joint width and image size are the model's; what else stands there is CLIP's default. */
    readonly config: ClipConfig,
    readonly preprocess: PreprocessConfig,
    readonly tokenizer: Tokenizer,
    /** ln of the factor on cosines. */
    readonly logitScale: number,
    /** SHA-256 of both files. */
    readonly fingerprint: string,
    /** Of both files. */
    readonly paths: readonly string[],
    /** What is added to its logits; left out: it has none, or its files do not tell it. */
    readonly logitBias?: number,
  ) {}

  /** Pixels [B, 3, S, S] → embeddings [B, P], not normalised. */
  async images(pixels: HostTensor<Float32Array>): Promise<HostTensor<Float32Array>> {
    return runRows(this.vision, { pixel_values: pixels }, IMAGE);
  }

  /**
   * Texts → embeddings [N, P], not normalised. Every text is padded to the model's length: some text encoders take no
   * other, and to the rest it makes no difference.
   */
  async texts({ ids, ends, length }: TokenizedTexts): Promise<HostTensor<Float32Array>> {
    const full = this.config.text_config.max_position_embeddings;
    const shape = [ends.length, full];
    const padded = new Int32Array(ends.length * full).fill(this.tokenizer.padId);
    const mask = new Int32Array(padded.length);
    for (const [n, end] of ends.entries()) {
      padded.set(ids.subarray(n * length, (n + 1) * length), n * full);
      mask.fill(1, n * full, n * full + end + 1);
    }
    const feeds = { input_ids: { shape, data: padded }, attention_mask: { shape, data: mask } };
    return runRows(this.text, feeds, TEXTS);
  }

  async dispose(): Promise<void> {
    await Promise.all([this.vision.dispose(), this.text.dispose()]);
  }
}

/**
 * The embeddings of any number of rows. An export whose batch axis is fixed gets them in groups of its size, the last one
 * filled up with zeros whose embeddings are dropped.
 */
async function runRows(
  file: OnnxFile,
  feeds: Readonly<Record<string, HostTensor<Float32Array> | HostTensor<Int32Array>>>,
  names: readonly string[],
): Promise<HostTensor<Float32Array>> {
  const rows = Object.values(feeds)[0]!.shape[0]!;
  const group = file.inputSize(file.inputs[0]!, 0) ?? rows;
  if (group === rows) return embedding(await file.run(feeds), names);
  const parts: Float32Array[] = [];
  let width = 0;
  for (let from = 0; from < rows || from === 0; from += group) {
    const some = Object.entries(feeds).map(([name, { shape, data }]) => {
      const each = data.length / rows;
      const part = data instanceof Int32Array ? new Int32Array(group * each) : new Float32Array(group * each);
      part.set(data.subarray(from * each, Math.min(from + group, rows) * each));
      return [name, { shape: [group, ...shape.slice(1)], data: part }];
    });
    const made = embedding(await file.run(Object.fromEntries(some)), names);
    if (made.shape.length !== 2) return made;
    width = made.shape[1]!;
    parts.push(made.data);
  }
  const data = new Float32Array(rows * width);
  for (const [i, part] of parts.entries()) {
    data.set(part.subarray(0, Math.min(group, rows - i * group) * width), i * group * width);
  }
  return { shape: [rows, width], data };
}

function embedding(
  outputs: Readonly<Record<string, HostTensor<Float32Array>>>,
  names: readonly string[],
): HostTensor<Float32Array> {
  return outputs[names.find((name) => outputs[name])!]!;
}

/**
 * The folder with the two ONNX files, where a folder has them: itself, or its `onnx/`.
 *
 * @returns undefined where they are not there
 */
export function onnxFolder(folder: string, dtype: Dtype = 'fp32'): string | undefined {
  return [folder, join(folder, 'onnx')].find((dir) => filesOf(dtype).every((name) => existsSync(join(dir, name))));
}

/** Whether a folder is to be read as an ONNX pair: it holds no weights beside one, or is its `onnx/` itself. */
export function isOnnxPair(folder: string): boolean {
  const dir = onnxFolder(folder);
  return dir !== undefined && (dir === folder || !hasWeights(folder));
}

/**
 * Reads a model in Transformers.js's layout (`onnx/vision_model.onnx` and `onnx/text_model.onnx` beside `config.json`,
 * `preprocessor_config.json` and the tokenizer's files), as `promptkd export` writes it.
 *
 * The factor on its cosines is taken from `logit_scale` of a `model.safetensors`, `quantized.safetensors` or
 * `classifier.safetensors` beside it; without one it is 100, where CLIP's training ends. So is the bias of a SigLIP; without
 * one it is not known.
 *
 * @param folder the model's, or its folder `onnx/`
 * @throws UserError where a file is missing, takes or gives something else, or the embeddings are not of one joint space
 */
export async function loadOnnxPair(
  folder: string,
  { dtype = 'fp32', ...options }: OnnxPairOptions = {},
): Promise<OnnxPair> {
  const dir = onnxFolder(folder, dtype);
  if (!dir) throw new UserError(`${folder}: expected onnx/${filesOf(dtype).join(' and onnx/')}`);
  const model = basename(resolve(dir)) === 'onnx' ? dirname(resolve(dir)) : dir;
  const path = (name: string) => join(model, name);
  await finishFolder(model);
  const opened = new Set(filesOf(dtype).map((name) => `onnx/${name}`));
  await checkFiles(model, (file) => opened.has(file) || !isOther(file));
  const found = await readPreprocess(model);
  if (!found)
    throw new UserError(`${path('preprocessor_config.json')}: no such file: it says how images become pixels`);
  const { preprocess } = found;
  const tokenizer = await loadTokenizer(model);
  const paths = filesOf(dtype).map((name) => join(dir, name));
  const [vision, text] = await openBoth(paths, options);
  try {
    const type = await modelType(path('config.json'));
    checkPooling(vision, paths[0]!, IMAGE, type);
    checkPooling(text, paths[1]!, TEXTS, type);
    const sizes = { length: text.inputSize('input_ids', 1) ?? (await textLength(model)), side: preprocess.size };
    const width = await outputWidth(vision, paths[0]!, sizes.side);
    await checkTextWidth(text, paths[1]!, sizes.length, width);
    const config = withTokenizer(
      parseClipConfig({
        projection_dim: width,
        text_config: { max_position_embeddings: sizes.length },
        vision_config: { image_size: sizes.side, patch_size: await patchSize(path('config.json'), sizes.side) },
      }),
      tokenizer,
    );
    const sum = createHash('sha256');
    for (const name of paths) await pipeline(createReadStream(name), sum, { end: false });
    const fingerprint = sum.digest('hex').slice(0, 32);
    const { scale, bias } = logitParts(model);
    return new OnnxPair(vision, text, config, preprocess, tokenizer, scale, fingerprint, paths, bias);
  } catch (error) {
    await Promise.all([vision.dispose(), text.dispose()]);
    throw error;
  }
}

/** Whether a file holds other weights than those of one ONNX pair. */
const isOther = (file: string) => /\.onnx$|^(model|quantized|prompt_encoder)\.safetensors$/.test(file);

/** Both files, or neither: where one fails, the other has ended, too, before that is said. */
async function openBoth(
  paths: readonly string[],
  options: OnnxPairOptions,
): Promise<[vision: OnnxFile, text: OnnxFile]> {
  const both = await Promise.allSettled([
    openEncoder(paths[0]!, ['pixel_values'], IMAGE, options),
    openEncoder(paths[1]!, ['input_ids', 'attention_mask'], TEXTS, options),
  ]);
  const [vision, text] = both.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
  if (vision && text) return [vision, text];
  await Promise.all([vision?.dispose(), text?.dispose()]);
  throw both.find((one) => one.status === 'rejected')!.reason;
}

async function openEncoder(
  path: string,
  takes: readonly string[],
  gives: readonly string[],
  options: Pick<CompileOptions, 'device' | 'threads'>,
): Promise<OnnxFile> {
  let file: OnnxFile;
  try {
    file = await OnnxFile.open(path, options);
  } catch (error) {
    throw new UserError(`${path}: expected an ONNX model that can be run: ${(error as Error).message.split('\n')[0]}`);
  }
  const fault = faultOf(file, takes, gives);
  if (fault === undefined) return file;
  await file.dispose();
  throw new UserError(`${path}: ${fault}`);
}

function faultOf(
  { inputs, outputs }: OnnxFile,
  takes: readonly string[],
  gives: readonly string[],
): string | undefined {
  const more = inputs.find((name) => !takes.includes(name));
  if (more) return `expected no input but ${takes.join(' and ')}, got ${more}`;
  if (outputs.some((name) => gives.includes(name))) return undefined;
  return `expected an output ${gives.join(' or ')}, one vector a row, got ${outputs.join(', ')}: export the model with its pooling and projection`;
}

/** What `config.json` says that the model is. */
async function modelType(file: string): Promise<string> {
  const { model_type } = await readJsonAs(file, z.looseObject({ model_type: z.unknown() }));
  return typeof model_type === 'string' ? model_type : 'unknown';
}

/** SigLIP's pooled output is its embedding; that of CLIP and its like lies before the projection into the joint space. */
function checkPooling(file: OnnxFile, path: string, names: readonly string[], type: string): void {
  const [projected] = names;
  const used = names.find((name) => file.outputs.includes(name));
  if (used !== families.siglip.outputs.image || type.startsWith('siglip')) return;
  throw new UserError(
    `${path}: expected the output ${projected}, got ${file.outputs.join(', ')}: of a model of the type ${type} pooler_output is not projected into the space that images and texts share; export it with its projection (CLIPVisionModelWithProjection, CLIPTextModelWithProjection)`,
  );
}

/** Joint width: what the image encoder gives for one black image. */
async function outputWidth(vision: OnnxFile, path: string, side: number): Promise<number> {
  const pixel_values = { shape: [1, 3, side, side], data: new Float32Array(3 * side * side) };
  let shape: readonly number[];
  try {
    ({ shape } = await runRows(vision, { pixel_values }, IMAGE));
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new UserError(`${path}: expected to take an image of ${side}×${side}, as its preprocessing says: ${reason}`);
  }
  if (shape.length !== 2 || shape[0] !== 1) {
    throw new UserError(
      `${path}: ${IMAGE.find((name) => vision.outputs.includes(name))}: expected [1, width] for one image, got [${shape.join(', ')}]`,
    );
  }
  return shape[1]!;
}

/** Images and texts have to lie in one space. */
async function checkTextWidth(text: OnnxFile, path: string, length: number, width: number): Promise<void> {
  const [ids, mask] = [new Int32Array(length), new Int32Array(length).fill(1)];
  const shape = [1, length];
  let made: HostTensor<Float32Array>;
  try {
    made = await runRows(text, { input_ids: { shape, data: ids }, attention_mask: { shape, data: mask } }, TEXTS);
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new UserError(`${path}: expected to take a text of ${length} tokens: ${reason}`);
  }
  if (made.shape.length !== 2 || made.shape[1] !== width) {
    throw new UserError(
      `${path}: expected embeddings [1, ${width}] as of images, got [${made.shape.join(', ')}]: do both files belong to one model, exported with its projections?`,
    );
  }
}

/** A tower's own part of `config.json`, of which little is looked at. */
const part = z.looseObject({}).nullish();

/** Tokens a text is padded to: the tokenizer's length, which an export with prompts makes shorter than the positions. */
async function textLength(model: string): Promise<number> {
  const { text_config } = await readJsonAs(join(model, 'config.json'), z.looseObject({ text_config: part }));
  const settings = join(model, 'tokenizer_config.json');
  const { model_max_length } = existsSync(settings) ? await readJsonAs(settings, z.looseObject({})) : {};
  // A tokenizer without a limit of its own names one beyond all numbers.
  const lengths = [text_config?.max_position_embeddings, model_max_length].filter(
    (n): n is number => Number.isSafeInteger(n) && (n as number) > 1 && (n as number) <= MAX_POSITIONS,
  );
  return lengths.length > 0 ? Math.min(...lengths) : 77;
}

/** Patches for a student that is given no size of its own: the model's, or a usual one that fits. */
async function patchSize(configFile: string, side: number): Promise<number> {
  const { vision_config } = await readJsonAs(configFile, z.looseObject({ vision_config: part }));
  return [Number(vision_config?.patch_size), 32, 16, 14].find((patch) => side % patch === 0) ?? side;
}

/** ln of the factor on cosines, and what is added to them. */
function logitParts(model: string): { readonly scale: number; readonly bias?: number } {
  // A bank has no weights beside its files, but classes.
  const path = ['model.safetensors', quantizedFile, 'classifier.safetensors']
    .map((name) => join(model, name))
    .find(existsSync);
  if (!path) return { scale: TRAINED_LOGIT_SCALE };
  checkQuantized(model);
  const { tensors } = readSafetensors(path, { skip: (name) => name !== 'logit_scale' && name !== 'logit_bias' });
  return { scale: tensors.logit_scale?.data[0] ?? TRAINED_LOGIT_SCALE, bias: tensors.logit_bias?.data[0] };
}
