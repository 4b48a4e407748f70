import { clipLogits } from '../clip/index.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { PixelBlocks } from '../loader/index.js';
import { gatherHostRows, Random, softmax } from '../math/index.js';
import { type Params, param } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import * as t from '../tensor/index.js';
import { type Learning, taskFeatures, taskWeights } from './continual-task.js';
import { type FisherSamples, fisherInformation } from './fisher.js';
import type { ContinueRecipe } from './recipe.js';

export interface TaskFisherOptions {
  readonly engine?: CompileOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void | Promise<void>;
}

/** Images that are read and whose probabilities are computed at once. */
const block = 32;

/**
 * Fisher information of the shared weights for the task that was just learned, with the task's prompts in place: over images
 * as they are, at most `ewc.samples` of them by lot, and the task's classes through the first template.
 *
 * @param labels for each image the place of its class in the pool, −1 where it is not known
 * @returns by the names of `learning.shared`
 * @throws UserError where no image can be read, or labels are wanted that are not known
 */
export async function taskFisher(
  learning: Learning,
  dataset: ImageTextDataset,
  examples: readonly Example[],
  labels: readonly number[],
  recipe: Pick<ContinueRecipe, 'seed' | 'ewc'>,
  { engine, signal, onProgress }: TaskFisherOptions = {},
): Promise<Params> {
  const { pool, shared } = learning;
  const { fisher: kind, samples: most, mass, classes: widest } = recipe.ewc;
  const own = [...pool.allowed].sort((a, b) => a - b);
  const lot = new Random(recipe.seed, 'fisher images').shuffle([...examples.keys()]).slice(0, most);
  const pixels = new PixelBlocks(
    dataset,
    lot.map((i) => examples[i]!),
    learning.bank.frozen.preprocess,
    Math.min(block, Math.max(1, lot.length)),
  );
  const places = new Map(examples.map((example, i) => [example, i]));
  const images: Float32Array[] = [];
  const probabilities: Float64Array[] = [];
  const all = await openLogits(learning, own, pixels.pixels.shape[0]!, engine);
  try {
    for (let from = 0; from < lot.length; from += block) {
      signal?.throwIfAborted();
      const filled = await pixels.fill(from, block);
      const rows = await all.run(pixels.pixels);
      const numbers = pixels.pixels.data.length / pixels.pixels.shape[0]!;
      for (let i = 0; i < filled; i++) {
        images.push(pixels.pixels.data.slice(i * numbers, (i + 1) * numbers));
        probabilities.push(softmax(rows.subarray(i * own.length, (i + 1) * own.length)));
      }
    }
  } finally {
    await all.dispose();
  }
  const count = Math.min(widest, own.length);
  const graph = logitGraph(learning, 1, count);
  const feeds = classFeeds(learning, count);
  const numbered: FisherSamples = {
    count: images.length,
    probabilities: (n) => probabilities[n]!,
    label: (n) => {
      const place = own.indexOf(labels[places.get(pixels.kept[n]!)!]!);
      return place < 0 ? undefined : place;
    },
    feeds: (n, classes) => ({
      ...feeds(classes.map((c) => own[c]!)),
      pixels: { shape: graph.pixels, data: images[n]! },
    }),
  };
  const { params, parameters, frozen } = graph.weights;
  const mine = <T>(tree: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.keys(shared).map((name) => [`shared/${name}`, tree[`shared/${name}`]!]));
  const rest = Object.fromEntries(Object.entries(params).filter(([name]) => !name.startsWith('shared/')));
  const found = await fisherInformation(
    { params: mine(params), parameters: mine(parameters), frozen: { ...frozen, ...rest }, logits: graph.logits },
    numbered,
    { kind, mass, seed: recipe.seed, engine, signal, onSample: (done) => onProgress?.(done, images.length) },
  );
  return Object.fromEntries(Object.keys(shared).map((name) => [name, found[`shared/${name}`]!]));
}

/** The task's student in a graph: logits of images for some classes. */
function logitGraph(learning: Learning, batch: number, count: number) {
  const { bank, pool } = learning;
  const { size } = bank.frozen.preprocess;
  const weights = taskWeights(learning);
  const pixels = [batch, 3, size, size];
  const { image, text } = taskFeatures(weights.p, learning, weights.own, t.input('pixels', pixels), {
    ids: t.input('ids', [count, pool.texts.ids.shape[1]!], 'int32'),
    ends: t.input('ends', [count], 'int32'),
    fixed: t.input('fixed', [count, pool.fixed?.shape[1] ?? 1]),
  });
  return { weights, pixels, logits: clipLogits(image, text, param(weights.p, 'logit_scale')) };
}

/** What such a graph is fed of classes, by their places in the pool. */
function classFeeds({ pool }: Pick<Learning, 'pool'>, count: number) {
  const length = pool.texts.ids.shape[1]!;
  const width = pool.fixed?.shape[1] ?? 0;
  const ids = { shape: [count, length], data: new Int32Array(count * length) };
  const ends = { shape: [count], data: new Int32Array(count) };
  const fixed = { shape: [count, width], data: new Float32Array(count * width) };
  return (classes: readonly number[]) => {
    gatherHostRows(pool.texts.ids.data as Int32Array, length, classes, ids.data);
    gatherHostRows(pool.texts.ends.data as Int32Array, 1, classes, ends.data);
    if (pool.fixed) gatherHostRows(pool.fixed.data, width, classes, fixed.data);
    return { ids, ends, ...(pool.fixed && { fixed }) };
  };
}

/** Logits of a block of images for all of the task's classes. */
async function openLogits(learning: Learning, classes: readonly number[], batch: number, engine?: CompileOptions) {
  const { weights, logits } = logitGraph(learning, batch, classes.length);
  const program = await compile(
    { outputs: { logits } },
    { ...engine, fixed: { ...weights.frozen, ...weights.params } },
  );
  const feeds = classFeeds(learning, classes.length)(classes);
  return {
    run: async (pixels: { readonly shape: readonly number[]; readonly data: Float32Array }) =>
      (await program.run({ pixels, ...feeds })).logits!.data as Float32Array,
    dispose: () => program.dispose(),
  };
}
