import { add, div, formatShape, type HostTensor, mean, mul, sqrt, square, sub, type Tensor } from '../tensor/index.js';
import { type Params, param, type TensorTree } from './params.js';

/** Mean and variance [D] of each feature; the variance is divided by the count. */
export interface BatchStatistics<T = Tensor> {
  readonly mean: T;
  readonly variance: T;
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
 * Moves the running statistics towards a batch's, in place and as PyTorch does: r ← (1 − m) r + m s, where the
 * variance is first made unbiased, · B / (B − 1).
 *
 * @param batch rows that the statistics are of, B
 */
export function updateRunning(
  params: Params,
  name: string,
  { mean: average, variance }: BatchStatistics<HostTensor>,
  batch: number,
  momentum = 0.1,
): void {
  const move = (running: HostTensor, { data }: HostTensor, factor: number) => {
    for (let i = 0; i < data.length; i++) {
      running.data[i] = (1 - momentum) * running.data[i]! + momentum * factor * data[i]!;
    }
  };
  move(params[`${name}.running_mean`]!, average, 1);
  move(params[`${name}.running_var`]!, variance, batch / (batch - 1));
}
