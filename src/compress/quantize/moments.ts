import { tokenMask } from '../../prompt/index.js';
import { compile } from '../../runtime/index.js';
import { add, constant, type HostTensor, linearInputs, matmul, mul, reshape, type Tensor } from '../../tensor/index.js';
import type { Student } from '../student.js';
import type { Calibration } from './calibration.js';
import { weightsOf } from './mixture.js';
import { imageGraph, pictureFeeds, studentFeeds, textFeeds, textGraph } from './student-graph.js';

/** E[x xᵀ] [I, I] of what each linear layer's weight [O, I] is multiplied by, by its name. */
export type Moments = Readonly<Record<string, HostTensor<Float32Array>>>;

const BATCH = 32;
/** Before an output's name: inputs and outputs of a graph must differ. */
const OUTPUT = 'moments.';

/**
 * The moments of all linear layers over the calibration's pictures and texts, what stands behind a text's end not counted.
 * A last part of a batch is left out.
 */
export async function measureMoments(
  student: Student,
  { pixels, allTexts: texts }: Calibration,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Moments> {
  const feeds = studentFeeds(student);
  const [images, count] = [Math.min(BATCH, pixels.shape[0]!), Math.min(BATCH, texts.ends.length)];
  const text = textGraph(student, count, texts.length);
  const run = (
    embed: Tensor,
    total: number,
    batch: number,
    part: (from: number) => Record<string, HostTensor>,
    read: (x: Tensor) => Tensor = (x) => x,
  ) =>
    momentsOf(
      embed,
      weightsOf(student),
      Math.floor(total / batch),
      (n) => ({ ...feeds, ...part(n * batch) }),
      read,
      options,
    );
  return {
    ...(await run(imageGraph(student, images), pixels.shape[0]!, images, (from) => pictureFeeds(pixels, from, images))),
    ...(await run(
      text.embed,
      texts.ends.length,
      count,
      (from) => textFeeds(texts, from, count),
      (x) => withoutPadding(x, text.ends, texts.length),
    )),
  };
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

async function momentsOf(
  embed: Tensor,
  weights: Readonly<Record<string, HostTensor>>,
  batches: number,
  feeds: (batch: number) => Record<string, HostTensor>,
  read: (x: Tensor) => Tensor,
  { signal }: { readonly signal?: AbortSignal },
): Promise<Record<string, HostTensor<Float32Array>>> {
  const inputs = Object.entries(linearInputs([embed])).filter(([name]) => name in weights);
  const products = Object.fromEntries(
    inputs.map(([name, x]) => [OUTPUT + name, matmul(x, read(x), { transposeA: true })]),
  );
  const program = await compile({ outputs: products });
  const sums: Record<string, HostTensor<Float32Array>> = {};
  let rows = 0;
  try {
    for (let batch = 0; batch < batches; batch++) {
      signal?.throwIfAborted();
      const made = await program.run(feeds(batch));
      rows++;
      for (const [output, { shape, data }] of Object.entries(made)) {
        const name = output.slice(OUTPUT.length);
        sums[name] ??= { shape, data: new Float32Array(data.length) };
        const sum = sums[name].data;
        // The mean so far, so that it neither grows nor is passed over again.
        for (let i = 0; i < sum.length; i++) sum[i]! += (data[i]! - sum[i]!) / rows;
      }
    }
  } finally {
    await program.dispose();
  }
  return sums;
}

/** E[x²] of each column: the energy that an error in it meets. */
export function meanSquares({ shape, data }: HostTensor<Float32Array>): Float32Array {
  const n = shape[0]!;
  return Float32Array.from({ length: n }, (_, i) => data[i * n + i]!);
}
