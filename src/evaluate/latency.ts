import { median, quantile, Random } from '../math/index.js';
import { type ImageEncoder, imageEncoder, type Model } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';

/** Options of {@link imageLatency}. */
export interface LatencyOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Timed runs. */
  readonly runs?: number;
  /** Runs before them that are not timed. */
  readonly warmUp?: number;
  readonly signal?: AbortSignal;
}

/** Times of one image, in milliseconds. */
export interface Latency {
  readonly medianMs: number;
  /** 95 % of the runs were no slower. */
  readonly p95Ms: number;
  readonly runs: number;
}

/**
 * Times the vision tower with its prompts on one image (batch 1), from normalised pixels to its feature.
 *
 * The weights stand in the graph, as in an exported model.
 *
 * @throws UserError for a device that cannot be used; the signal's reason where it is aborted
 */
export async function imageLatency(model: Model, options: LatencyOptions = {}): Promise<Latency> {
  const { runs = 50, warmUp = 10, signal } = options;
  const image = latencyImage(model);
  const encoder = await oneImageEncoder(model, options);
  const times: number[] = [];
  try {
    for (let run = 0; run < warmUp + runs; run++) {
      signal?.throwIfAborted();
      const start = performance.now();
      await encoder.run(image);
      if (run >= warmUp) times.push(performance.now() - start);
      // Lets Ctrl-C through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await encoder.dispose();
  }
  return { medianMs: median(times), p95Ms: quantile(times, 0.95), runs };
}

/** Noise of the size that a model takes, [1, 3, S, S]. */
export function latencyImage(model: Model): HostTensor<Float32Array> {
  const { size } = model.preprocess;
  const random = new Random('latency');
  return { shape: [1, 3, size, size], data: Float32Array.from({ length: 3 * size * size }, () => random.normal()) };
}

/** A model's image side for one image, weights in the graph. */
export function oneImageEncoder(model: Model, { device, threads }: LatencyOptions = {}): Promise<ImageEncoder> {
  return imageEncoder(model, 1, { device, threads, unit: false, constantWeights: true });
}
