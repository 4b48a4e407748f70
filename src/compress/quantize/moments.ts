import type { TowerResult } from '../../clip/index.js';
import { modelWeights, type TowerModel } from '../../model/index.js';
import { tokenMask } from '../../prompt/index.js';
import { compile } from '../../runtime/index.js';
import {
  add,
  constant,
  type HostTensor,
  linearInputs,
  matmul,
  mul,
  reshape,
  type Tensor,
  transpose,
} from '../../tensor/index.js';
import type { Calibration } from './calibration.js';
import { weightsOf } from './mixture.js';
import { imageFeeds, imageGraph, textFeeds, textGraph } from './student-graph.js';

/** E[x xᵀ] [I, I] of what each linear layer's weight [O, I] is multiplied by, by its name. */
export type Moments = Readonly<Record<string, HostTensor<Float32Array>>>;

const BATCH = 32;

/** A tower's graph, its weights and images or texts its inputs, and the calibration that it is fed, a batch at a time. */
export interface CalibrationPass {
  readonly tower: TowerResult;
  readonly batches: number;
  /** All but the weights. */
  feeds(batch: number): Record<string, HostTensor>;
  /** Sum over a batch's rows that count of x yᵀ [I, I], from x and y [M, I]. */
  moments(x: Tensor, y: Tensor): Tensor;
}

/** Both towers'; what stands behind a text's end does not count, and a last part of a batch is left out. */
export function calibrationPasses(student: TowerModel, { pixels, allTexts: texts }: Calibration): CalibrationPass[] {
  const [images, count] = [Math.min(BATCH, pixels.shape[0]!), Math.min(BATCH, texts.ends.length)];
  const text = textGraph(student, count, texts.length);
  return [
    {
      tower: imageGraph(student, images),
      batches: Math.floor(pixels.shape[0]! / images),
      feeds: (batch) => imageFeeds(pixels, batch * images, images),
      moments: products,
    },
    {
      tower: text.tower,
      batches: Math.floor(texts.ends.length / count),
      feeds: (batch) => textFeeds(texts, batch * count, count),
      moments: (x, y) => products(x, withoutPadding(y, text.ends, texts.length)),
    },
  ];
}

/** ONNX Runtime reads a left operand in columns slowly: it is copied over first. */
const products = (x: Tensor, y: Tensor) => matmul(transpose(x), y);

/** The moments of all linear layers over the calibration's images and texts. */
export async function measureMoments(
  student: TowerModel,
  calibration: Calibration,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Moments> {
  const [weights, feeds] = [weightsOf(student), modelWeights(student)];
  const moments: Record<string, HostTensor<Float32Array>> = {};
  for (const pass of calibrationPasses(student, calibration)) {
    const groups = groupsOf(pass, (name) => name in weights);
    const outputs = Object.fromEntries(groups.map(({ x }, i) => [`moments.${i}`, pass.moments(x, x)]));
    const program = await compile({ outputs });
    try {
      const means = await meanOver(pass.batches, (n) => program.run({ ...feeds, ...pass.feeds(n) }), signal);
      for (const [i, { names }] of groups.entries()) for (const name of names) moments[name] = means[`moments.${i}`]!;
    } finally {
      await program.dispose();
    }
  }
  return moments;
}

/** Linear layers that are fed the same, in one tower. */
export interface Group {
  readonly names: readonly string[];
  readonly x: Tensor;
}

/** A tower's groups in the order in which they are computed, of the layers that are wanted. */
export function groupsOf({ tower }: CalibrationPass, wanted: (name: string) => boolean): Group[] {
  const names = new Map<Tensor, string[]>();
  for (const [name, x] of Object.entries(linearInputs([tower.embed]))) {
    if (wanted(name)) names.set(x, [...(names.get(x) ?? []), name]);
  }
  return [...names].map(([x, own]) => ({ names: own, x }));
}

/** The mean of what each batch gives, by its name. */
export async function meanOver(
  batches: number,
  run: (batch: number) => Promise<Record<string, HostTensor>>,
  signal?: AbortSignal,
): Promise<Record<string, HostTensor<Float32Array>>> {
  const means: Record<string, HostTensor<Float32Array>> = {};
  for (let batch = 0; batch < batches; batch++) {
    signal?.throwIfAborted();
    for (const [name, { shape, data }] of Object.entries(await run(batch))) {
      means[name] ??= { shape, data: new Float32Array(data.length) };
      const mean = means[name].data;
      // The mean so far, so that it neither grows nor is passed over again.
      const share = 1 / (batch + 1);
      for (let i = 0; i < mean.length; i++) mean[i]! += (data[i]! - mean[i]!) * share;
    }
  }
  return means;
}

/** Rows [N · T, I] of texts with those behind their end set to 0; inserted prompts move the end. */
function withoutPadding(x: Tensor, ends: Tensor, length: number): Tensor {
  const texts = ends.shape[0] as number;
  const [rows, width] = x.shape as [number, number];
  const tokens = rows / texts;
  if (tokens < length) return x; // one row a text: its end token alone
  const moved = add(ends, constant({ shape: [], data: Int32Array.of(tokens - length) }));
  const mask = tokenMask(moved, reshape(x, [texts, tokens, width])); // [N, T]
  return mul(x, reshape(mask, [rows, 1]));
}

/** E[x²] of each column: the energy that an error in it meets. */
export function meanSquares({ shape, data }: HostTensor<Float32Array>): Float32Array {
  const n = shape[0]!;
  return Float32Array.from({ length: n }, (_, i) => data[i * n + i]!);
}
