import { join } from 'node:path';
import { type ClipConfig, eosPositions, familyOf, normalizePixels, tokenizeAll } from '../clip/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import {
  type GraphName,
  graphsOf,
  imageFeatures,
  modelWeights,
  type TowerModel,
  textLimit,
  textPass,
  visionPass,
} from '../model/index.js';
import { paramInputs } from '../nn/index.js';
import { compile, OnnxFile } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize, type Tensor } from '../tensor/index.js';
import { onnxPath } from './onnx-files.js';

/** Largest difference that an exported file may have from the engine: float32, another order of summation. */
export const TOLERANCE = 1e-4;
/** The same for weights rounded to binary16. */
export const HALF_TOLERANCE = 2e-2;

/** What a file is tried on. */
export interface Samples {
  readonly pixels: HostTensor<Float32Array>; // [B, 3, S, S]
  readonly ids: HostTensor<Int32Array>; // [N, L]
}

/** Three images (a ramp, a checkerboard, noise) as the model's preprocessing makes them, and texts padded to the longest. */
export function samplesFor(model: TowerModel, texts: readonly string[]): Samples {
  const { size } = model.preprocess;
  const random = new Random('export samples');
  const paint: ((y: number, x: number, c: number) => number)[] = [
    (y, x, c) => (255 * (c === 0 ? y : c === 1 ? x : size - y)) / size,
    (y, x) => (((y >> 2) + (x >> 2)) % 2) * 255,
    () => random.int(256),
  ];
  const pixels = new Float32Array(paint.length * 3 * size * size);
  for (const [i, colour] of paint.entries()) {
    const rgb = Uint8Array.from({ length: 3 * size * size }, (_, at) => {
      const place = Math.floor(at / 3);
      return colour(Math.floor(place / size), place % size, at % 3);
    });
    normalizePixels(rgb, size, model.preprocess, pixels, i * 3 * size * size);
  }
  const { ids, length } = tokenizeAll(model.tokenizer, texts, textLimit(model));
  return {
    pixels: { shape: [paint.length, 3, size, size], data: pixels },
    ids: { shape: [texts.length, length], data: ids },
  };
}

/**
 * The engine's own embeddings, with prompts where the model has them, not normalised and of unit length; of a visual
 * student those of images alone.
 */
export async function engineEmbeds(model: TowerModel, { pixels, ids }: Samples): Promise<Record<string, HostTensor>> {
  const weights = modelWeights(model);
  const p = paramInputs(weights);
  const seen = input('pixels', pixels.shape);
  if (model.projector) return runOnce({ image: imageFeatures(p, model, seen) }, { ...weights, pixels });
  const ends = eosPositions(ids.data, ids.shape[1]!, model.config);
  const [tokens, last] = [input('ids', ids.shape, 'int32'), input('ends', [ends.length], 'int32')];
  // The whole of each last block: the files have a shorter one, which is to be checked too.
  const image = visionPass(p, model, seen, {}).embed;
  const text = textPass(p, model, tokens, last, {}).embed;
  return runOnce(
    { image, text, image_unit: l2Normalize(image), text_unit: l2Normalize(text) },
    { ...weights, pixels, ids, ends: { shape: [ends.length], data: ends } },
  );
}

async function runOnce(outputs: Record<string, Tensor>, feeds: Record<string, HostTensor>) {
  const program = await compile({ outputs });
  try {
    return await program.run(feeds);
  } finally {
    await program.dispose();
  }
}

/**
 * Runs every file of an export in ONNX Runtime on the samples, and compares it with the engine.
 *
 * @returns for each file the largest difference, as a share of the largest embedding value where that is above 1.
 * @throws UserError where one is above its tolerance: the file must not be used.
 */
export async function verifyOnnx(folder: string, model: TowerModel, samples: Samples): Promise<Record<string, number>> {
  const engine = await engineEmbeds(model, samples);
  const { ids } = samples;
  const feeds = {
    pixel_values: samples.pixels,
    input_ids: ids,
    attention_mask: { shape: ids.shape, data: attentionMask(ids, model.config) },
  };
  const expected = expectedOutputs(engine, model);
  const differences: Record<string, number> = {};
  for (const half of [false, true]) {
    for (const name of graphsOf(model)) {
      const file = onnxPath(name, half);
      const opened = await OnnxFile.open(join(folder, file));
      try {
        const made = await opened.run(feeds);
        const all = Object.entries(expected[name]!).map(([output, values]) => difference(made[output]!.data, values));
        differences[file] = Math.max(...all);
      } finally {
        await opened.dispose();
      }
      const limit = half ? HALF_TOLERANCE : TOLERANCE;
      // Written so that NaN is refused too.
      if (!(differences[file]! <= limit)) {
        throw new UserError(
          `${join(folder, file)}: differs from the engine by ${differences[file]}, more than ${limit}: do not use it. Are there weights of the model that are no numbers, or beyond what ${half ? 'binary16' : 'float32'} holds?`,
        );
      }
    }
  }
  return differences;
}

function attentionMask(ids: HostTensor<Int32Array>, config: ClipConfig): Int32Array {
  const length = ids.shape[1]!;
  const ends = eosPositions(ids.data, length, config);
  return ids.data.map((_, i) => (i % length <= ends[Math.floor(i / length)]! ? 1 : 0));
}

type Outputs = Readonly<Record<string, ArrayLike<number>>>;

function expectedOutputs(
  engine: Record<string, HostTensor>,
  { params, config }: TowerModel,
): Partial<Record<GraphName, Outputs>> {
  const names = familyOf(config).outputs;
  const [images, texts] = [engine.image_unit, engine.text_unit];
  if (!images || !texts) return { vision_model: { [names.image]: engine.image!.data } };
  const width = images.shape[1]!;
  const scale = Math.exp(params.logit_scale!.data[0]!);
  const bias = params.logit_bias?.data[0] ?? 0;
  const [rows, columns] = [images.shape[0]!, texts.shape[0]!];
  const logit = (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += images.data[i * width + k]! * texts.data[j * width + k]!;
    return scale * sum + bias;
  };
  return {
    vision_model: { [names.image]: engine.image!.data },
    text_model: { [names.text]: engine.text!.data },
    model: {
      image_embeds: images.data,
      text_embeds: texts.data,
      logits_per_image: Array.from({ length: rows * columns }, (_, at) =>
        logit(Math.floor(at / columns), at % columns),
      ),
      logits_per_text: Array.from({ length: rows * columns }, (_, at) => logit(at % rows, Math.floor(at / rows))),
    },
  };
}

/** Largest |a − b|, divided by the largest |b| where that is above 1; infinite where the sizes differ. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [apart, size] = [0, 1];
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= apart)) apart = d;
    size = Math.max(size, Math.abs(b[i]!));
  }
  return apart / size;
}
