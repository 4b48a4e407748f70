import type { Params } from '../nn/index.js';

/**
 * PromptSRC's Gaussian weighted averaging of parameters over epochs (Khattak et al., arXiv 2307.06190): early epochs
 * know too little and late ones the training classes too well, so the middle ones count most.
 *
 *     average = Σ_e w_e θ_e,  w_e ∝ exp(−½ ((e − mean) / deviation)²),  e = 1 … epochs,  Σ w_e = 1
 */
export class GaussianAverage {
  /** The sum so far: whole after the last epoch. */
  readonly sum: Params;
  private readonly weights: readonly number[];

  /** @param params what is averaged: their names and shapes */
  constructor(
    params: Params,
    { epochs, mean, deviation }: { readonly epochs: number; readonly mean: number; readonly deviation: number },
  ) {
    const logs = Array.from({ length: epochs }, (_, i) => -0.5 * ((i + 1 - mean) / deviation) ** 2);
    // Relative to the largest: a mean far outside would otherwise make all of them vanish.
    const densities = logs.map((log) => Math.exp(log - Math.max(...logs)));
    const total = densities.reduce((a, b) => a + b, 0);
    this.weights = densities.map((density) => density / total);
    this.sum = Object.fromEntries(
      Object.entries(params).map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]),
    );
  }

  /** Adds the parameters as they are after an epoch, counted from 1. */
  add(epoch: number, params: Params): void {
    const weight = this.weights[epoch - 1]!;
    for (const [name, { data: target }] of Object.entries(this.sum)) {
      const { data } = params[name]!;
      for (let i = 0; i < data.length; i++) target[i] = target[i]! + weight * data[i]!;
    }
  }
}
