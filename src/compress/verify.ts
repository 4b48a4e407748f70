import { join } from 'node:path';
import {
  type Checkpoint,
  type ClipConfig,
  eosPositions,
  normalizePixels,
  textTower,
  tokenizeAll,
  visionTower,
} from '../clip/index.js';
import { Random } from '../math/index.js';
import { visionSide } from '../model/index.js';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { deepPrompts, promptedTextTower } from '../prompt/index.js';
import { compile, OnnxFile } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize, type Tensor } from '../tensor/index.js';
import { embedNames, type GraphName, graphsOf } from './graphs.js';
import { onnxPath } from './onnx-files.js';
import { maxTextLength, type Student } from './student.js';

/** Largest difference that an exported file may have from the engine: float32, another order of summation. */
export const TOLERANCE = 1e-4;
/** The same for weights rounded to binary16. */
export const HALF_TOLERANCE = 2e-2;

/** What a file is tried on. */
export interface Samples {
  readonly pixels: HostTensor<Float32Array>; // [B, 3, S, S]
  readonly ids: HostTensor<Int32Array>; // [N, L]
}

/** Three pictures (a ramp, a checkerboard, noise) as the student's preprocessing makes them, and texts padded to the longest. */
export function samplesFor(student: Student, texts: readonly string[]): Samples {
  const { checkpoint } = student;
  const { size } = checkpoint.preprocess;
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
    normalizePixels(rgb, size, checkpoint.preprocess, pixels, i * 3 * size * size);
  }
  const { ids, length } = tokenizeAll(checkpoint.tokenizer, texts, maxTextLength(student));
  return {
    pixels: { shape: [paint.length, 3, size, size], data: pixels },
    ids: { shape: [texts.length, length], data: ids },
  };
}

/**
 * The engine's own embeddings, with prompts where the student has them, not normalised and of unit length; of a visual
 * student those of pictures alone.
 */
export async function engineEmbeds(student: Student, { pixels, ids }: Samples): Promise<Record<string, HostTensor>> {
  const { checkpoint, prompts } = student;
  if (student.visual) {
    const side = visionSide(student);
    const image = side.features(paramInputs(side.params), input('pixels', pixels.shape));
    return runOnce({ image }, { ...paramFeeds(side.params), pixels });
  }
  const { config } = checkpoint;
  const ends = eosPositions(ids.data, ids.shape[1]!, config);
  const p = paramInputs(checkpoint.params);
  const [tokens, last] = [input('ids', ids.shape, 'int32'), input('ends', [ends.length], 'int32')];
  const picture = input('pixels', pixels.shape);
  const vision = deepPrompts(paramInputs(prompts?.vision ?? {}, 'prompts.'), 'vision');
  const image = visionTower(p, config, picture, { prompts: vision }).embed;
  const { embed: text } = prompts
    ? promptedTextTower(p, config, paramInputs(prompts.encoder, 'encoder.'), prompts.config, tokens, last)
    : textTower(p, config, tokens, last);
  return runOnce(
    { image, text, image_unit: l2Normalize(image), text_unit: l2Normalize(text) },
    {
      ...paramFeeds(checkpoint.params),
      ...(prompts ? paramFeeds(prompts.encoder, 'encoder.') : {}),
      ...(prompts ? paramFeeds(prompts.vision, 'prompts.') : {}),
      pixels,
      ids,
      ends: { shape: [ends.length], data: ends },
    },
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
 * @throws where one is above its tolerance: the file must not be used.
 */
export async function verifyOnnx(folder: string, student: Student, samples: Samples): Promise<Record<string, number>> {
  const engine = await engineEmbeds(student, samples);
  const { ids } = samples;
  const feeds = {
    pixel_values: samples.pixels,
    input_ids: ids,
    attention_mask: { shape: ids.shape, data: attentionMask(ids, student.checkpoint.config) },
  };
  const expected = expectedOutputs(engine, student.checkpoint);
  const differences: Record<string, number> = {};
  for (const half of [false, true]) {
    for (const name of graphsOf(student)) {
      const file = onnxPath(name, half);
      const model = await OnnxFile.open(join(folder, file));
      try {
        const made = await model.run(feeds);
        const all = Object.entries(expected[name]!).map(([output, values]) => difference(made[output]!.data, values));
        differences[file] = Math.max(...all);
      } finally {
        await model.dispose();
      }
      const limit = half ? HALF_TOLERANCE : TOLERANCE;
      // Written so that NaN is refused too.
      if (!(differences[file]! <= limit)) {
        throw new Error(`${join(folder, file)}: differs from the engine by ${differences[file]}, more than ${limit}`);
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
  { params, config }: Checkpoint,
): Partial<Record<GraphName, Outputs>> {
  const names = embedNames(config);
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
