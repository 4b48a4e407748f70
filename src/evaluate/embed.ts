import { type OnnxPair, type PreprocessConfig, textTower, tokenizeAll } from '../clip/index.js';
import type { Example, ImageTextDataset, Skipped } from '../data/index.js';
import { UserError } from '../errors.js';
import { PixelBlocks } from '../loader/index.js';
import type { Rows } from '../math/index.js';
import type { EvaluatedPair } from '../model/index.js';
import { type Towers, visionSide } from '../model/index.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { promptedTextTower } from '../prompt/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize, type Tensor } from '../tensor/index.js';

export interface EmbedOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What features are made with. */
export type Model = Towers | Pick<EvaluatedPair, 'pair'>;

export interface EmbeddedImages {
  /** Unit rows. */
  readonly rows: Rows;
  /** The pictures of the rows, in their order: those given but for the skipped ones. */
  readonly examples: readonly Example[];
  /** Pictures that could not be read. */
  readonly skipped: readonly Skipped[];
}

const block = 64;

/** Image features of pictures, with the model's vision prompts: see `embedPictures`. */
export async function embedImages(
  model: Model,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions = {},
): Promise<EmbeddedImages> {
  if ('pair' in model) return pairImages(model.pair, dataset, examples, options);
  const side = visionSide(model);
  return embedPictures(
    (pixels) => side.features(paramInputs(side.params), pixels),
    paramFeeds(side.params),
    model.checkpoint.preprocess,
    dataset,
    examples,
    options,
  );
}

/**
 * Image features of pictures as they are, not augmented; unit length.
 *
 * A picture that cannot be read is left out and listed.
 *
 * @param tower pixels [B, 3, S, S] → features [B, P]
 * @param params feeds of the tower
 */
export async function embedPictures(
  tower: (pixels: Tensor) => Tensor,
  params: Readonly<Record<string, HostTensor>>,
  preprocess: PreprocessConfig,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions = {},
): Promise<EmbeddedImages> {
  const pictures = new PixelBlocks(dataset, examples, preprocess, block);
  const embeds = tower(input('pixels', pictures.pixels.shape));
  const feeds = { pixels: pictures.pixels };
  const fill = (from: number, count: number) => pictures.fill(from, count);
  const rows = await embedBlocks(embeds, feeds, examples.length, { ...options, fixed: params }, fill);
  return { rows, examples: pictures.kept, skipped: pictures.skipped };
}

/**
 * Text features, each text with the prompts that a prompted student makes of it; unit length.
 *
 * @throws UserError for a visual student, which has no text tower in its teacher's joint space
 */
export async function embedTexts(model: Model, texts: readonly string[], options: EmbedOptions = {}): Promise<Rows> {
  if ('pair' in model) return pairTexts(model.pair, texts, options);
  if (model.visual) {
    throw new UserError(
      'the model is a visual student (cvpr2024): it knows the classes that it was saved with, and no other texts; use its teacher here',
    );
  }
  const { checkpoint, prompts } = model;
  const { config, params, tokenizer } = checkpoint;
  const { ids, ends, length } = tokenizeAll(tokenizer, texts, textLimit(model));
  const idBlock: HostTensor = { shape: [block, length], data: new Int32Array(block * length) };
  const endBlock: HostTensor = { shape: [block], data: new Int32Array(block) };
  const p = paramInputs(params);
  const [idInput, endInput] = [input('ids', idBlock.shape, 'int32'), input('ends', endBlock.shape, 'int32')];
  const pooled = { pooledOnly: true };
  const { embed: embeds } = prompts
    ? promptedTextTower(p, config, paramInputs(prompts.encoder, 'encoder/'), prompts.config, idInput, endInput, pooled)
    : textTower(p, config, idInput, endInput, pooled);
  const encoder = prompts ? paramFeeds(prompts.encoder, 'encoder/') : {};
  const fixed = { ...paramFeeds(params), ...encoder };
  const feeds = { ids: idBlock, ends: endBlock };
  return embedBlocks(embeds, feeds, texts.length, { ...options, fixed }, (from, count) => {
    idBlock.data.set(ids.subarray(from * length, (from + count) * length));
    endBlock.data.set(ends.subarray(from, from + count));
    return count;
  });
}

/** Features of a pair as it gives them, to be brought to unit length by the engine. */
function pairRows({ config }: OnnxPair): HostTensor<Float32Array> {
  const width = config.projection_dim;
  return { shape: [block, width], data: new Float32Array(block * width) };
}

async function pairImages(
  pair: OnnxPair,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  options: EmbedOptions,
): Promise<EmbeddedImages> {
  const pictures = new PixelBlocks(dataset, examples, pair.preprocess, block);
  const given = pairRows(pair);
  const embeds = input('given', given.shape);
  const rows = await embedBlocks(embeds, { given }, examples.length, options, async (from, count) => {
    const filled = await pictures.fill(from, count);
    given.data.set((await pair.images(pictures.pixels)).data);
    return filled;
  });
  return { rows, examples: pictures.kept, skipped: pictures.skipped };
}

function pairTexts(pair: OnnxPair, texts: readonly string[], options: EmbedOptions): Promise<Rows> {
  const { ids, ends, length } = tokenizeAll(pair.tokenizer, texts, pair.config.text_config.max_position_embeddings);
  const given = pairRows(pair);
  return embedBlocks(input('given', given.shape), { given }, texts.length, options, async (from, count) => {
    const some = { ids: ids.subarray(from * length, (from + count) * length), ends: ends.subarray(from, from + count) };
    given.data.set((await pair.texts({ ...some, length })).data);
    return count;
  });
}

/** Most tokens of a text: inserted prompts take positions of the text tower, and the prompt encoder has its own. */
function textLimit({ checkpoint, prompts }: Towers): number {
  const positions = checkpoint.config.text_config.max_position_embeddings;
  if (!prompts) return positions;
  const { text_layers, n_ctx, max_length } = prompts.config;
  return Math.min(positions - (text_layers > 0 ? n_ctx : 0), max_length);
}

/**
 * Features of `total` things, a block at a time.
 *
 * @param embeds [block, width]
 * @param feeds of the program; `fill` changes some of their arrays in place
 * @param fill puts things `from` to `from + count` into the first rows of the feeds and returns how many it put there;
 *   the rows behind keep what they had and are not read
 */
async function embedBlocks(
  embeds: Tensor,
  feeds: Readonly<Record<string, HostTensor>>,
  total: number,
  options: EmbedOptions & Pick<CompileOptions, 'fixed'>,
  fill: (from: number, count: number) => number | Promise<number>,
): Promise<Rows> {
  const { signal, onProgress, device, threads, fixed } = options;
  const width = embeds.shape[1] as number;
  const data = new Float32Array(total * width);
  let rows = 0;
  const program = await compile({ outputs: { embeds: l2Normalize(embeds) } }, { device, threads, fixed });
  try {
    for (let from = 0; from < total; from += block) {
      signal?.throwIfAborted();
      const count = Math.min(block, total - from);
      const filled = await fill(from, count);
      const result = (await program.run(feeds)).embeds!.data as Float32Array;
      data.set(result.subarray(0, filled * width), rows * width);
      rows += filled;
      onProgress?.(from + count, total);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await program.dispose();
  }
  const found = data.subarray(0, rows * width);
  if (!found.every(Number.isFinite)) {
    throw new UserError('the model gives features that are not finite numbers: its weights are broken; train it again');
  }
  return { data: found, count: rows, width };
}
