import { add, div, formatShape, mean, mul, sqrt, square, sub, type Tensor } from '../tensor/index.js';
import { param, type TensorTree } from './params.js';

/** Mean and variance [D] of each feature; the variance is divided by the count. */
export interface BatchStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * The statistics of x [B, D] over its batch, which training normalises with.
 *
 * @throws where the batch has fewer than two rows: the variance of one row is nothing to divide by
 */
export function batchStatistics(x: Tensor): BatchStatistics {
  if (x.rank !== 2 || x.sizes('batchStatistics')[0]! < 2) {
    throw new Error(`batchStatistics: expected [B, D] with at least 2 rows, got ${formatShape(x.shape)}`);
  }
  const average = mean(x, [0]);
  return { mean: average, variance: mean(square(sub(x, average)), [0]) };
}

/** The running statistics `name.running_mean` and `name.running_var` [D], which inference normalises with. */
export function runningStatistics(p: TensorTree, name: string): BatchStatistics {
  return { mean: param(p, `${name}.running_mean`), variance: param(p, `${name}.running_var`) };
}

/** Batch normalisation (Ioffe and Szegedy 2015): (x − μ) / √(σ² + eps) · `name.weight` + `name.bias`. x [B, D] */
export function batchNormLayer(
  p: TensorTree,
  name: string,
  x: Tensor,
  statistics: BatchStatistics,
  eps = 1e-5,
): Tensor {
  const unit = div(sub(x, statistics.mean), sqrt(add(statistics.variance, eps)));
  return add(mul(unit, param(p, `${name}.weight`)), param(p, `${name}.bias`));
}

/**
 * The running statistics `name.running_mean` and `name.running_var` [D] after a batch, moved towards its statistics as PyTorch
 * does: r ← (1 − m) r + m s, where the variance is first made unbiased, · B / (B − 1).
 *
 * @param batch rows that the statistics are of, B
 * @returns the new values, by parameter name
 */
export function movedRunning(
  p: TensorTree,
  name: string,
  { mean: average, variance }: BatchStatistics,
  batch: number,
  momentum = 0.1,
): Record<string, Tensor> {
  const running = runningStatistics(p, name);
  const move = (before: Tensor, now: Tensor, factor: number) =>
    add(mul(before, 1 - momentum), mul(now, momentum * factor));
  return {
    [`${name}.running_mean`]: move(running.mean, average, 1),
    [`${name}.running_var`]: move(running.variance, variance, batch / (batch - 1)),
  };
}
