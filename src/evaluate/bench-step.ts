import { UserError } from '../errors.js';
import { median, Random } from '../math/index.js';
import { encoder, type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile, type Device, FusedLoop } from '../runtime/index.js';
import type { Precision } from '../tensor/index.js';
import { grad, type HostTensor, input, mean, mul, square, sub, type Tensor } from '../tensor/index.js';
import type { BenchMode } from './bench-modes.js';

/** Options of {@link benchStep}. */
export interface BenchStepOptions
  extends Pick<CompileOptions, 'tracedModelPath' | 'optimizedModelPath' | 'profilePrefix'> {
  readonly mode: BenchMode;
  readonly batch: number;
  readonly layers: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  /** Steps that are timed. */
  readonly runs?: number;
  /** Steps before them that are not. */
  readonly warmUp?: number;
  readonly device?: Device;
  readonly threads?: number;
  /** Compute the blocks' inner values again in the backward pass. */
  readonly recompute?: boolean;
  readonly precision?: Precision;
  readonly signal?: AbortSignal;
}

/** How long a training step takes, and what it computes. */
export interface BenchStepResult {
  readonly mode: BenchMode;
  /** Median of the timed steps. */
  readonly ms: number;
  readonly gflops: number;
  readonly images_per_second: number;
  /** The most memory the process ever had, in MB. */
  readonly peak_memory_mb: number;
}

/** Of the plain gradient descent in `full`. */
export const learningRate = 1e-4;

/**
 * Floating-point operations of one step: forward 2·B·T·L·12·D² + 4·B·L·T²·D; `prompts` counts twice that and
 * `full` three times (with recomputation no more), as every backward pass through frozen (trained) weights has one (two)
 * products for each of the forward's.
 */
export function stepFlops({ mode, batch, layers, tokens, width }: BenchStepOptions): number {
  const forward = 2 * batch * tokens * layers * 12 * width ** 2 + 4 * batch * layers * tokens ** 2 * width;
  return forward * { forward: 1, prompts: 2, full: 3 }[mode];
}

/** A training step with its inputs, to run as often as wanted. */
export interface BlockStep {
  /** `x` [B, T, D] and the weights, named as Hugging Face's; `full` changes the weights in place. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** One step. Gives `y` (forward) or `loss` and gradients `d/NAME`. */
  run(): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

/** Compiles a step of a stack of ViT blocks with loss mean(y²). @throws UserError where heads do not divide the width. */
export async function openBlockStep(options: BenchStepOptions): Promise<BlockStep> {
  const { mode, batch, layers, tokens, width, heads, recompute } = options;
  if (width % heads !== 0) throw new UserError(`--heads ${heads}: expected a divisor of --width ${width}`);
  const params = initialBlocks(layers, width);
  const weights = paramInputs(params);
  const x = input('x', [batch, tokens, width]);
  const shape = { heads, activation: 'quick_gelu', eps: 1e-5, recompute } as const;
  const y = encoder(weights, 'encoder', x, layers, shape).output; // [B, T, D]
  const outputs = stepOutputs(mode, x, y, weights);
  const program = await compile({ outputs }, { ...options, fixed: mode === 'full' ? undefined : params });
  const feeds = { ...paramFeeds(params), x: normalTensor([batch, tokens, width], 1, new Random(0, 'bench', 'x')) };
  return {
    feeds,
    async run() {
      const results = await program.run(feeds);
      for (const [name, { data }] of Object.entries(mode === 'full' ? params : {})) {
        const weights = data as Float32Array;
        descent.run({ weights, gradient: results[`d/${name}`]!.data as Float32Array }, {}, { weights });
      }
      return results;
    },
    dispose: () => program.dispose(),
  };
}

/**
 * Times the step of `openBlockStep`.
 *
 * @throws UserError where heads do not divide the width
 */
export async function benchStep(options: BenchStepOptions): Promise<BenchStepResult> {
  const { mode, batch, runs = 7, warmUp = 2 } = options;
  const step = await openBlockStep(options);
  const times: number[] = [];
  try {
    for (let run = 0; run < warmUp + runs; run++) {
      options.signal?.throwIfAborted();
      const start = performance.now();
      await step.run();
      if (run >= warmUp) times.push(performance.now() - start);
    }
  } finally {
    await step.dispose();
  }
  const ms = median(times);
  return {
    ...{ mode, ms, gflops: stepFlops(options) / ms / 1e6, images_per_second: (batch * 1000) / ms },
    peak_memory_mb: process.resourceUsage().maxRSS / 1024,
  };
}

function stepOutputs(
  mode: BenchMode,
  x: Tensor,
  y: Tensor,
  weights: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  if (mode === 'forward') return { y };
  const loss = mean(square(y));
  const trained = mode === 'full' ? weights : {};
  const gradients = grad(loss, [x, ...Object.values(trained)]);
  const names = ['d/x', ...Object.keys(trained).map((name) => `d/${name}`)];
  return { loss, ...Object.fromEntries(names.map((name, i) => [name, gradients[i]!])) };
}

/** One plain gradient descent step. */
const descent = new FusedLoop(() => ({
  weights: sub(input('weights', ['n']), mul(input('gradient', ['n']), learningRate)),
}));

function initialBlocks(layers: number, width: number): Params {
  const params: Params = {};
  const filled = (size: number, value: number) => ({ shape: [size], data: new Float32Array(size).fill(value) });
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string) => `encoder.layers.${layer}.${part}`;
    const random = new Random(0, 'bench', layer);
    const add = (part: string, outputs: number, inputs: number) => {
      params[name(`${part}.weight`)] = normalTensor([outputs, inputs], inputs ** -0.5, random);
      params[name(`${part}.bias`)] = filled(outputs, 0);
    };
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) add(`self_attn.${part}`, width, width);
    add('mlp.fc1', 4 * width, width);
    add('mlp.fc2', width, 4 * width);
    for (const part of ['layer_norm1', 'layer_norm2']) {
      params[name(`${part}.weight`)] = filled(width, 1);
      params[name(`${part}.bias`)] = filled(width, 0);
    }
  }
  return params;
}

/** Drawing every one of tens of millions of weights would take longer than the measurement: a long period repeats. */
function normalTensor(shape: number[], deviation: number, random: Random): HostTensor {
  const period = Float32Array.from({ length: 65_521 }, () => random.normal() * deviation);
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = period[i % period.length]!;
  return { shape, data };
}
