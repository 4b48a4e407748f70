import {
  type ClipConfig,
  type PreprocessConfig,
  runTextBlocks,
  type Tokenizer,
  textBlockInputs,
  textTower,
  visionTower,
} from '../clip/index.js';
import { type ImageTextDataset, labelledOf } from '../data/index.js';
import { UserError } from '../errors.js';
import { classFeatures } from '../evaluate/index.js';
import { datasetPixels } from '../loader/index.js';
import { Random } from '../math/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { classText } from '../prompt/index.js';
import { compile, type Device } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize } from '../tensor/index.js';

export interface ProbeOptions {
  readonly split: string;
  /** Drawings looked at, the same at every call; fewer where some cannot be read. */
  readonly drawings: number;
  /** Texts of a class; a class is the mean of them. */
  readonly templates: readonly string[];
  readonly context: number;
  readonly preprocess: PreprocessConfig;
  readonly tokenizer: Tokenizer;
  readonly device?: Device;
  readonly threads?: number;
}

/** Shares of the drawings whose class is the best guess, or among the best five. */
export interface ProbeResult {
  readonly top1: number;
  readonly top5: number;
  readonly drawings: number;
}

const block = 64;

/**
 * A quick look at zero-shot accuracy while training: few images. `evaluate/` measures properly.
 * @returns a function of the parameters; its pictures are prepared once
 */
export async function zeroShotProbe(
  config: ClipConfig,
  params: Params,
  dataset: ImageTextDataset,
  options: ProbeOptions,
): Promise<{ measure(params: Params): Promise<ProbeResult>; dispose(): Promise<void> }> {
  const { context, preprocess, tokenizer, device, threads } = options;
  const size = config.vision_config.image_size;
  const drawn = new Random('probe').shuffle(labelledOf(dataset, options.split)).slice(0, options.drawings);
  const { pixels, examples, skipped } = await datasetPixels(dataset, drawn, preprocess);
  if (examples.length === 0 && skipped.length > 0) {
    throw new UserError(
      `${dataset.name}: none of the ${skipped.length} images drawn from ${options.split} can be read; the first: ${skipped[0]!.reason}`,
    );
  }
  const classes = [...new Set(examples.map(({ label }) => label))];
  // Guesses are among all classes of the split, so that few drawings do not make it easier.
  for (const { label } of labelledOf(dataset, options.split)) if (!classes.includes(label)) classes.push(label);

  const { templates } = options;
  const texts = classes.flatMap((label) =>
    templates.map((template) => classText(template, dataset.classes[label]!.name)),
  );
  const { ids, eos } = tokenizer.encode(texts, context);

  const p = paramInputs(params);
  const image = visionTower(p, config, input('pixels', [block, 3, size, size])).embed;
  const fed = textBlockInputs(texts.length, context);
  const text = textTower(p, config, fed.ids, fed.ends, { pooledOnly: true }).embed;
  const imageProgram = await compile({ outputs: { embeds: l2Normalize(image) } }, { device, threads });
  const textProgram = await compile({ outputs: { embeds: l2Normalize(text) } }, { device, threads });

  return {
    async measure(now) {
      const weights = paramFeeds(now);
      const textRows: Float32Array[] = [];
      await runTextBlocks(textProgram, weights, { ids, ends: eos, length: context }, ({ embeds }, _, count) => {
        textRows.push(...rowsOf(embeds!, count));
      });
      const imageRows: Float32Array[] = [];
      for (let from = 0; from < examples.length; from += block) {
        const data = padded(pixels.data, from * 3 * size * size, block * 3 * size * size);
        const { embeds } = await imageProgram.run({ ...weights, pixels: { shape: [block, 3, size, size], data } });
        imageRows.push(...rowsOf(embeds!, Math.min(block, examples.length - from)));
      }
      return accuracy(
        imageRows,
        classRows(textRows, templates.length),
        examples.map(({ label }) => classes.indexOf(label)),
      );
    },
    async dispose() {
      await imageProgram.dispose();
      await textProgram.dispose();
    },
  };
}

/** The mean of each class's texts, which stand together. */
function classRows(texts: readonly Float32Array[], each: number): readonly Float32Array[] {
  if (each === 1) return texts;
  const width = texts[0]!.length;
  const data = new Float32Array(texts.length * width);
  for (const [i, row] of texts.entries()) data.set(row, i * width);
  const own = Array.from({ length: texts.length / each }, (_, c) =>
    Array.from({ length: each }, (_, t) => c * each + t),
  );
  const means = classFeatures({ data, count: texts.length, width }, own);
  return own.map((_, c) => means.data.subarray(c * width, (c + 1) * width));
}

/** The first rows, copied: a program overwrites its results. */
function rowsOf({ shape, data }: HostTensor, count: number): Float32Array[] {
  const width = shape[1]!;
  return Array.from({ length: count }, (_, i) => (data as Float32Array).slice(i * width, (i + 1) * width));
}

/** A part of an array, with zeros behind its end: programs take full blocks only. */
function padded(data: Float32Array, from: number, length: number): Float32Array {
  const part = data.subarray(from, from + length);
  if (part.length === length) return part;
  const out = new Float32Array(length);
  out.set(part);
  return out;
}

function accuracy(
  images: readonly Float32Array[],
  texts: readonly Float32Array[],
  truth: readonly number[],
): ProbeResult {
  let [top1, top5] = [0, 0];
  images.forEach((image, i) => {
    const scores = texts.map((text) => text.reduce((sum, x, k) => sum + x * image[k]!, 0));
    const rank = scores.filter((score) => score > scores[truth[i]!]!).length;
    if (rank === 0) top1++;
    if (rank < 5) top5++;
  });
  return { top1: top1 / images.length, top5: top5 / images.length, drawings: images.length };
}
