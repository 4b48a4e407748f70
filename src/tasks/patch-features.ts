import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isSiglip } from '../clip/index.js';
import type { Example, ImageTextDataset, Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import { ensureFolder, hash, jsonOrNothing, readSafetensors, writeSafetensors } from '../files/index.js';
import { PixelBlocks } from '../loader/index.js';
import {
  type GraphModel,
  modelFingerprint,
  modelWeights,
  partOf,
  projector,
  type TowerModel,
  visionPass,
} from '../model/index.js';
import { paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { type HostTensor, input, slice, type Tensor } from '../tensor/index.js';

/** Which patch tokens are wanted. */
export interface PatchChoice {
  /** Layers, counted from 1: the outputs of so many blocks. */
  readonly layers: readonly number[];
  /**
   * `layer`: as they leave the block, [·, P, D]. `joint`: normalised and projected as the last layer's class token is,
   * [·, P, projection_dim], which is comparable with texts. @defaultValue layer
   */
  readonly space?: 'layer' | 'joint';
}

/** Patch tokens in a graph. */
export interface PatchTokens {
  /** Of the image, not normalised [B, E]. */
  readonly embed: Tensor;
  /** In the order asked for, each [B, P, D] or [B, P, projection_dim]; no class token and no prompts among them. */
  readonly layers: readonly Tensor[];
}

/**
 * A frozen model's patch tokens of some layers, and its image embedding, in one pass of the vision tower with the model's
 * prompts.
 *
 * @param p the model's weights, by the names of `modelWeights`
 * @param pixels [B, 3, S, S], preprocessed
 * @throws UserError for layers that the model does not have
 * @example
 * import { loadTowerModel, modelWeights } from 'promptkd/model';
 * import { input, nn } from 'promptkd/tensor';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'patch features');
 * const { image_size: side } = model.config.vision_config;
 * const pixels = input('pixels', [8, 3, side, side]);
 * const { layers } = patchTokens(nn.paramInputs(modelWeights(model)), model, pixels, { layers: [3] }); // to go on from
 */
export function patchTokens(
  p: TensorTree,
  model: GraphModel,
  pixels: Tensor,
  { layers, space = 'layer' }: PatchChoice,
): PatchTokens {
  const { num_hidden_layers: last, image_size, patch_size } = model.config.vision_config;
  const wrong = layers.find((layer) => !Number.isInteger(layer) || layer < 1 || layer > last);
  if (wrong !== undefined || layers.length === 0) {
    throw new UserError(`layers: expected some of 1 to ${last}, which the model has, got ${wrong ?? 'none'}`);
  }
  const patches = (image_size / patch_size) ** 2;
  const first = isSiglip(model.config) ? 0 : 1; // behind the class token
  const tower = visionPass(p, model, pixels, { pooledOnly: !layers.includes(last) });
  const tokens = layers.map((layer) => {
    const own = slice(tower.hidden[layer]!, 1, first, first + patches); // [B, P, D]
    return space === 'joint' ? tower.project(own) : own;
  });
  const embed = model.projector ? projector(partOf(p, 'projector'), tower.embed, 'running').features : tower.embed;
  return { embed, layers: tokens };
}

/** A model's patch tokens for batches of one size, ready to run. */
export interface PatchEncoder {
  /**
   * Pixels [B, 3, S, S] → the embedding [B, E] and patch tokens, each [B, P, D] or [B, P, projection_dim]; overwritten by
   * the next call.
   */
  run(pixels: HostTensor<Float32Array>): Promise<{ embed: HostTensor; layers: readonly HostTensor[] }>;
  dispose(): Promise<void>;
}

/**
 * Compiles {@link patchTokens} for `batch` images at a time.
 *
 * @throws UserError for layers that the model does not have, or a device that cannot be used
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'patch features');
 * const { image_size: side } = model.config.vision_config;
 * const encoder = await patchEncoder(model, 1, { layers: [3] });
 * const { layers } = await encoder.run({ shape: [1, 3, side, side], data: new Float32Array(3 * side * side) });
 * await encoder.dispose();
 */
export async function patchEncoder(
  model: TowerModel,
  batch: number,
  choice: PatchChoice,
  options: Pick<CompileOptions, 'device' | 'threads'> = {},
): Promise<PatchEncoder> {
  const { image_size: size, num_channels: channels } = model.config.vision_config;
  const weights = modelWeights(model);
  const { embed, layers } = patchTokens(
    paramInputs(weights),
    model,
    input('pixels', [batch, channels, size, size]),
    choice,
  );
  const outputs = { embed, ...Object.fromEntries(layers.map((tokens, i) => [`layer.${i}`, tokens])) };
  const program = await compile({ outputs }, { ...options, fixed: paramFeeds(weights) });
  return {
    async run(pixels) {
      const made = await program.run({ pixels });
      return { embed: made.embed!, layers: layers.map((_, i) => made[`layer.${i}`]!) };
    },
    dispose: () => program.dispose(),
  };
}

/** The features of a data set's images. */
export interface PatchFeatures {
  /** Not normalised [N, E]. */
  readonly embeds: HostTensor<Float32Array>;
  /** Of the layers in the order asked for, each [N, P, D] or [N, P, projection_dim]. */
  readonly layers: readonly HostTensor<Float32Array>[];
  /** The images of the rows: those given but for the skipped ones. */
  readonly examples: readonly Example[];
  readonly skipped: readonly Skipped[];
}

/** Options of {@link patchFeatures}. */
export interface PatchFeaturesOptions extends PatchChoice, Pick<CompileOptions, 'device' | 'threads'> {
  /** Folder in which they are kept for the next call with the same model, images and choice. Left out: not kept. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Images at a time. */
const block = 32;

/**
 * {@link patchTokens} of images as they are, not augmented. An image that cannot be read is left out and listed.
 *
 * @throws UserError for layers that the model does not have, or a cache that cannot be written
 * @throws the signal's reason where it is aborted
 * @example
 * import { openDataset } from 'promptkd';
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'patch features');
 * const dataset = await openDataset('folder:photos');
 * const { layers } = await patchFeatures(model, dataset, dataset.splits.train!, { layers: [3], space: 'joint' });
 * console.log(layers[0]!.shape); // [images, patches, width of the joint space]
 */
export async function patchFeatures(
  model: TowerModel,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: PatchFeaturesOptions,
): Promise<PatchFeatures> {
  const file = options.cache === undefined ? undefined : cacheFile(options.cache, model, dataset, examples, options);
  if (file !== undefined && existsSync(file)) return readKept(file, examples, options);
  const images = new PixelBlocks(dataset, examples, model.preprocess, Math.min(block, Math.max(1, examples.length)));
  const encoder = await patchEncoder(model, images.pixels.shape[0]!, options, options);
  const names = ['embed', ...options.layers.map((_, i) => `layer.${i}`)];
  const kept: Record<string, Grown> = {};
  try {
    for (let from = 0; from < examples.length; from += block) {
      options.signal?.throwIfAborted();
      const count = Math.min(block, examples.length - from);
      const row = images.kept.length;
      const filled = await images.fill(from, count);
      const { embed, layers } = await encoder.run(images.pixels);
      for (const [i, made] of [embed, ...layers].entries()) {
        kept[names[i]!] ??= grown(made, examples.length);
        const { data, each } = kept[names[i]!]!;
        data.set((made.data as Float32Array).subarray(0, filled * each), row * each);
      }
      options.onProgress?.(from + count, examples.length);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await encoder.dispose();
  }
  const rows = images.kept.length;
  if (rows === 0) {
    const why = images.skipped[0] ? `, the first: ${images.skipped[0].reason}` : '';
    throw new UserError(`none of the ${examples.length} images of ${dataset.name} can be read${why}`);
  }
  const tensors = Object.fromEntries(
    Object.entries(kept).map(([name, { data, each, tail }]) => [
      name,
      { shape: [rows, ...tail], data: data.subarray(0, rows * each) },
    ]),
  );
  if (file !== undefined) {
    await ensureFolder(options.cache!);
    const metadata = { skipped: JSON.stringify(images.skipped) };
    await writeSafetensors(file, tensors, { metadata, checksum: true });
  }
  return resultOf(tensors, options, images.kept, images.skipped);
}

interface Grown {
  readonly data: Float32Array;
  /** Numbers an image, and their shape. */
  readonly each: number;
  readonly tail: readonly number[];
}

function grown({ shape }: HostTensor, images: number): Grown {
  const tail = shape.slice(1);
  const each = tail.reduce((a, b) => a * b, 1);
  return { data: new Float32Array(images * each), each, tail };
}

const resultOf = (
  tensors: Readonly<Record<string, HostTensor>>,
  { layers }: PatchChoice,
  examples: readonly Example[],
  skipped: readonly Skipped[],
): PatchFeatures => ({
  embeds: tensors.embed as HostTensor<Float32Array>,
  layers: layers.map((_, i) => tensors[`layer.${i}`] as HostTensor<Float32Array>),
  examples,
  skipped,
});

/** Named for all that the numbers depend on, so that a stale file is never read. */
function cacheFile(
  folder: string,
  model: TowerModel,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  { layers, space = 'layer' }: PatchChoice,
): string {
  const images = hash(examples.map(({ id }) => id).join('\n'));
  const key = [modelFingerprint(model), JSON.stringify(model.preprocess), dataset.fingerprint, images, layers, space];
  return join(folder, `patches-${hash(key.join('|')).slice(0, 16)}.safetensors`);
}

function readKept(file: string, examples: readonly Example[], choice: PatchChoice): PatchFeatures {
  const { tensors, metadata } = readSafetensors(file);
  const skipped = (jsonOrNothing(metadata.skipped) ?? []) as Skipped[];
  const out = new Set(skipped.map(({ id }) => id));
  return resultOf(
    tensors,
    choice,
    examples.filter(({ id }) => !out.has(id)),
    skipped,
  );
}
