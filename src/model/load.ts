import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type Checkpoint,
  type DownloadOptions,
  type Dtype,
  isOnnxPair,
  loadCheckpoint,
  loadOnnxPair,
  type OnnxPairOptions,
  onnxFolder,
  resolveCheckpoint,
  shippedModel,
  splitVariant,
  weightFiles,
} from '../clip/index.js';
import { UserError } from '../errors.js';
import { loadPrompts, promptFile } from '../prompt/index.js';
import { readClassifier } from './class-vectors.js';
import { checkPrompts } from './limits.js';
import { type EncoderModel, type Model, type TowerModel, withTowers } from './model.js';
import { servingEncoders } from './serving-encoders.js';
import { readTrainingRecord, type TrainingRecord } from './training-record.js';
import { loadVisualStudent, visualStudentFile } from './visual-student-file.js';

/** Where a model is fetched from if need be, and how its ONNX files are read. */
export type LoadOptions = DownloadOptions & OnnxPairOptions & RunModelOptions;

/** A run's folder has several models. */
export interface RunModelOptions {
  /** Told which of them is taken, in a sentence. */
  readonly onRunModel?: (message: string) => void;
}

/**
 * Where a run's folder has its models: `best` is the one of the best evaluation, where the run measured itself; the
 * finished one is `student` of distillations, and `model` of the others.
 */
export const runModels = ['best', 'student', 'model'] as const;

/**
 * The folder of a model: the folder itself, or that of the best or the finished model of a run.
 *
 * @param dtype of its ONNX files, where a folder may hold nothing else
 * @returns undefined where there is none
 */
export function modelFolder(folder: string, dtype?: Dtype): string | undefined {
  const isModel = (dir: string) =>
    ['config.json', 'open_clip_config.json'].some((file) => existsSync(join(dir, file))) ||
    onnxFolder(dir, dtype) === dir;
  return [folder, ...runModels.map((name) => join(folder, name))].find(isModel);
}

/**
 * What a model's training took; undefined of one from elsewhere.
 *
 * @param name a folder, a run's folder, a shipped model or a hub id
 * @throws UserError for a shipped model that there is not, or a record that is damaged
 */
export function trainingOf(name: string): TrainingRecord | undefined {
  const folder = shippedModel(name);
  return readTrainingRecord(modelFolder(folder) ?? folder);
}

/**
 * Reads a model: a checkpoint folder in any of the layouts of `loadCheckpoint`, with its prompts where it has some, an
 * export, a quantised model, a run's folder or a hub id. An ONNX pair is read where a folder holds nothing else, is
 * itself one's `onnx/`, or a variant of its files is asked for: by `dtype`, or by `#DTYPE` behind the name.
 *
 * @throws UserError where it cannot be read
 * @example
 * const model = await loadModel('promptkd:emoji-student'); // or 'runs/mine', 'small#q4', 'openai/clip-vit-base-patch32'
 */
export async function loadModel(name: string, options: LoadOptions = {}): Promise<Model> {
  const { folder, dtype } = await located(name, options);
  return dtype !== undefined || isOnnxPair(folder) ? loadEncoders(folder, { ...options, dtype }) : loadTowers(folder);
}

/**
 * Reads a model whose weights are wanted: see {@link loadModel}.
 *
 * @param what is to be done with it, for the message
 * @throws UserError where it cannot be read, or there are ONNX files alone
 */
export async function loadTowerModel(name: string, what: string, options: LoadOptions = {}): Promise<TowerModel> {
  return withTowers(await loadModel(name, options), what);
}

/**
 * Opens a model for inference, batch and text length left open: its ONNX files where it has some, otherwise the graphs
 * that its export would have. A variant that is asked for must be there. See {@link loadModel} for the name.
 *
 * @throws UserError where it cannot be read, or is a visual student
 */
export async function openEncoders(name: string, options: LoadOptions = {}): Promise<EncoderModel> {
  const { folder, dtype } = await located(name, options);
  if (dtype !== undefined || onnxFolder(folder)) return loadEncoders(folder, { ...options, dtype });
  return servingEncoders(await loadTowers(folder), options);
}

async function located(name: string, options: LoadOptions) {
  const { model, dtype = options.dtype } = splitVariant(name);
  const given = await resolveCheckpoint(model, options);
  const folder = modelFolder(given, dtype);
  if (folder) sayRunModel(given, folder, options);
  if (folder) return { folder, dtype };
  throw new UserError(
    `${given}: expected the folder of a CLIP checkpoint, with config.json and model.safetensors, or of a finished run, with student/config.json${hintFor(given)}`,
  );
}

/** What else a name may have been meant for: a file of PyTorch, or a model of OpenAI's or OpenCLIP's list. */
function hintFor(name: string): string {
  if (/\.(pt|pth|bin|ckpt)$/i.test(name))
    return '; PyTorch files can run code when they are read: give the same model in safetensors, by its hub id such as openai/clip-vit-base-patch32';
  const isPath = existsSync(name) || /[/\\]/.test(name);
  return isPath ? '' : '; models of the Hugging Face hub are called OWNER/NAME, such as openai/clip-vit-base-patch32';
}

/**
 * Reads the checkpoint of a model, without its prompts: of a folder, a run's folder or a hub id.
 *
 * @throws UserError where it cannot be read
 */
export async function loadModelCheckpoint(
  name: string,
  options: DownloadOptions & RunModelOptions = {},
): Promise<Checkpoint> {
  return loadCheckpoint(await checkpointFolder(name, options));
}

/** The folder of a model's checkpoint, as {@link modelFolder} finds it, fetched if need be; what is none stays as it is. */
export async function checkpointFolder(name: string, options: DownloadOptions & RunModelOptions = {}): Promise<string> {
  const given = await resolveCheckpoint(name, options);
  const folder = modelFolder(given) ?? given;
  sayRunModel(given, folder, options);
  return folder;
}

function sayRunModel(given: string, folder: string, { onRunModel }: RunModelOptions): void {
  if (folder === given) return;
  const why = basename(folder) === 'best' ? ', of its best evaluation' : '';
  onRunModel?.(`${given} is a run: its ${basename(folder)}/ is taken${why}`);
}

async function loadEncoders(folder: string, options: OnnxPairOptions): Promise<EncoderModel> {
  const encoders = await loadOnnxPair(folder, options);
  const { config, preprocess, tokenizer, paths: files } = encoders;
  return {
    ...{ encoders, config, preprocess, tokenizer },
    classes: readClassifier(folder, config.projection_dim),
    training: readTrainingRecord(folder),
    source: { folder, dtype: options.dtype, files, bytes: await sizeOf(files) },
  };
}

async function loadTowers(folder: string): Promise<TowerModel> {
  const checkpoint = await loadCheckpoint(folder);
  const { config } = checkpoint;
  const prompts = await loadPrompts(folder);
  const visual = await loadVisualStudent(folder, config);
  const files = await weightFiles(folder);
  if (prompts) files.push(join(folder, promptFile));
  if (visual) files.push(join(folder, visualStudentFile));
  const model: TowerModel = {
    ...checkpoint,
    ...(visual ?? { prompts, classes: readClassifier(folder, config.projection_dim) }),
    training: readTrainingRecord(folder),
    source: { folder, files, bytes: await sizeOf(files) },
  };
  checkPrompts(model);
  return model;
}

async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((a, b) => a + b, 0);
}
