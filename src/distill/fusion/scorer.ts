import { Random } from '../../math/index.js';
import { type Params, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { adamw } from '../../train/index.js';

/** A small network from signals of an image to scores: two layers, the last of which begins at zero. */
export interface Scorer {
  /** Scores [outputs] of signals [inputs]. */
  score(signals: ArrayLike<number>): Float64Array;
}

export interface ScorerOptions {
  /** Numbers of an image's signals, and of its scores. */
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
  /** Adam's steps on all images at once. @defaultValue 300 */
  readonly steps?: number;
  /** @defaultValue 0.01 */
  readonly learningRate?: number;
  readonly hidden?: number;
}

/**
 * Fits a scorer on held-out images: o = W₂ tanh(LN(W₁ s + b₁)) + b₂ with W₂ = b₂ = 0 at the start, so that it begins neutral
 * (as OnPoKD's controller, arXiv 2609.10321, section 3.2), by AdamW with a decay of 0.05 on all images together.
 *
 * @param signals [n, inputs]
 * @param lossOf a scalar of the scores [n, outputs]
 */
export async function fitScorer(
  signals: HostTensor<Float32Array>,
  lossOf: (scores: Tensor) => Tensor,
  { inputs, outputs, seed, steps = 300, learningRate = 0.01, hidden = 16 }: ScorerOptions,
): Promise<Scorer> {
  const random = new Random(seed, 'scorer');
  const first = Float32Array.from({ length: inputs * hidden }, () => random.normal() / Math.sqrt(inputs));
  const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(t.elements(shape)) });
  const params: Params = {
    'first.weight': { shape: [inputs, hidden], data: first },
    'first.bias': zeros(hidden),
    'last.weight': zeros(hidden, outputs),
    'last.bias': zeros(outputs),
  };
  const p = paramInputs(params);
  const within = t.add(t.matmul(t.constant(signals), p['first.weight']!, { full: true }), p['first.bias']!);
  const ones = t.constant({ shape: [hidden], data: new Float32Array(hidden).fill(1) });
  const normed = t.tanh(t.layerNorm(within, ones, t.constant(zeros(hidden)), 1e-5));
  const loss = lossOf(t.add(t.matmul(normed, p['last.weight']!, { full: true }), p['last.bias']!));
  const names = Object.keys(params);
  const gradients = t.grad(
    loss,
    names.map((name) => p[name]!),
  );
  const outputsOf = Object.fromEntries(names.map((name, i) => [`gradient/${name}`, gradients[i]!]));
  const program = await compile({ outputs: outputsOf }, { threads: 1 });
  try {
    const optimizer = adamw(params, { weightDecay: 0.05 });
    for (let step = 0; step < steps; step++) {
      const made = await program.run(params);
      const flat = Object.fromEntries(names.map((name) => [name, made[`gradient/${name}`]!.data as Float32Array]));
      optimizer.update(flat, learningRate * (1 - step / steps), step);
    }
  } finally {
    await program.dispose();
  }
  return { score: (given) => forward(params, given, hidden, outputs) };
}

/** The network on plain numbers: it is asked image by image while batches are filled. */
function forward(params: Params, signals: ArrayLike<number>, hidden: number, outputs: number): Float64Array {
  const of = (name: string) => params[name]!.data as Float32Array;
  const [w1, b1, w2, b2] = [of('first.weight'), of('first.bias'), of('last.weight'), of('last.bias')];
  const within = Float64Array.from({ length: hidden }, (_, j) => {
    let sum = b1[j]!;
    for (let i = 0; i < signals.length; i++) sum += signals[i]! * w1[i * hidden + j]!;
    return sum;
  });
  const mean = within.reduce((sum, x) => sum + x, 0) / hidden;
  const deviation = Math.sqrt(within.reduce((sum, x) => sum + (x - mean) ** 2, 0) / hidden + 1e-5);
  const normed = within.map((x) => Math.tanh((x - mean) / deviation));
  return Float64Array.from({ length: outputs }, (_, o) =>
    normed.reduce((sum, x, j) => sum + x * w2[j * outputs + o]!, b2[o]!),
  );
}
