import { Matrix } from 'ml-matrix';
import type { HostTensor } from './tensor.js';

/** A tensor [n, …] as a matrix [n, the rest], for linear algebra on the host. */
export function matrixOf({ shape, data }: HostTensor): Matrix {
  const rows = shape[0]!;
  return Matrix.from1DArray(rows, data.length / rows, data as Float32Array);
}

/** A matrix as a tensor [rows, columns]. */
export function tensorOf(matrix: Matrix): HostTensor {
  return { shape: [matrix.rows, matrix.columns], data: Float32Array.from(matrix.to1DArray()) };
}
