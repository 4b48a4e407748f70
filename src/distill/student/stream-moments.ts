import {
  type ClipConfig,
  runTextBlocks,
  type TokenizedTexts,
  textBlockInputs,
  textTower,
  visionTower,
} from '../../clip/index.js';
import type { ViewBatches } from '../../loader/index.js';
import { type Params, paramFeeds, paramInputs } from '../../nn/index.js';
import { tokenMask } from '../../prompt/index.js';
import { type CompileOptions, compile } from '../../runtime/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { standardize } from '../losses/feature-loss.js';

/** What a tower's residual stream looks like over images or texts. */
export interface StreamMoments {
  /** D. */
  readonly width: number;
  /**
   * E[x̂ x̂ᵀ] [D, D], x̂ a token of mean 0 and variance 1: the mean over all layers, in each of which the token that is read
   * in the end weighs as much as all others together.
   */
  readonly moment: Float64Array;
  /** Some tokens as the first block gets them, [n, D]. */
  readonly embedded: Float32Array;
}

/** A model's weights and shape. */
type Model = { readonly params: Params; readonly config: ClipConfig };

/** Tokens that are looked at: many times the width of a large tower. */
const enoughTokens = 16_384;

/** Of the vision tower, over augmented images. */
export async function imageMoments(
  { params, config }: Model,
  images: ViewBatches,
  options: CompileOptions = {},
): Promise<StreamMoments> {
  const { hidden } = visionTower(paramInputs(params), config, t.input('pixels', images.pixels.shape));
  const [batch, tokens, width] = hidden[0]!.shape as [number, number, number];
  const weights = Float32Array.from({ length: batch * tokens }, (_, i) => (i % tokens === 0 ? 1 : 1 / (tokens - 1)));
  const moment = momentOf(hidden, t.constant({ shape: [batch, tokens], data: weights }));
  const program = await compile({ outputs: { moment, embedded: hidden[0]! } }, options);
  const sum = new Float64Array(width * width);
  let embedded = new Float32Array(0);
  try {
    for (let step = 0; step * batch * tokens < enoughTokens; step++) {
      await images.fill(step);
      const result = await program.run({ ...paramFeeds(params), pixels: images.pixels });
      addTo(sum, result.moment!);
      if (step === 0) embedded = (result.embedded!.data as Float32Array).slice();
    }
  } finally {
    await program.dispose();
  }
  return { width, moment: normalised(sum, width), embedded };
}

/** Of the text tower, over texts. */
export async function textMoments(
  { params, config }: Model,
  texts: TokenizedTexts,
  options: CompileOptions = {},
): Promise<StreamMoments> {
  const { ids, ends } = textBlockInputs(texts.ends.length, texts.length);
  const { hidden } = textTower(paramInputs(params), config, ids, ends);
  const width = config.text_config.hidden_size;
  const read = tokenMask(ends, ids); // [N, L], 1 up to the end token
  const end = t.reshape(ends, [ends.shape[0]!, 1]);
  const last = t.sub(read, t.cast(t.greater(end, t.positions(ids, 1)), 'float32')); // 1 at the end token
  const moment = momentOf(hidden, t.add(last, t.div(t.sub(read, last), t.cast(end, 'float32'))));
  const program = await compile({ outputs: { moment } }, options);
  const sum = new Float64Array(width * width);
  try {
    await runTextBlocks(program, paramFeeds(params), texts, (result) => addTo(sum, result.moment!));
  } finally {
    await program.dispose();
  }
  return { width, moment: normalised(sum, width), embedded: new Float32Array(0) };
}

/** Σ w x̂ x̂ᵀ over the tokens of all layers: hidden states [N, T, D], weights [N, T] → [D, D]. */
function momentOf(hidden: readonly Tensor[], weights: Tensor): Tensor {
  return hidden
    .map((states) => {
      const [batch, tokens, width] = states.shape as [number, number, number];
      const x = t.reshape(standardize(states), [batch * tokens, width]);
      return t.matmul(t.transpose(t.mul(x, t.reshape(weights, [batch * tokens, 1]))), x);
    })
    .reduce((a, b) => t.add(a, b));
}

function addTo(sum: Float64Array, { data }: HostTensor): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
}

/** Divided by the sum of the weights: each x̂ has the squared length D. */
function normalised(sum: Float64Array, width: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < width; i++) trace += sum[i * width + i]!;
  return sum.map((v) => (v * width) / trace);
}
