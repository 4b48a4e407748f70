import type { HostTensor } from '../../tensor/index.js';

/** [rows, columns], float32 */
export type Matrix = HostTensor<Float32Array>;

export type Range = readonly [first: number, end: number];

export const rowOf = ({ shape, data }: Matrix, row: number): Float32Array =>
  data.subarray(row * shape[1]!, (row + 1) * shape[1]!);

/** A copy of some rows and columns. */
export function part(matrix: Matrix, [top, bottom]: Range, [left, right]: Range): Matrix {
  const [rows, columns] = [bottom - top, right - left];
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) data.set(rowOf(matrix, top + row).subarray(left, right), row * columns);
  return { shape: [rows, columns], data };
}

/** The columns in another order: column j of the result is `order[j]` of the matrix. */
export function columnsInOrder(matrix: Matrix, order: Uint32Array): Matrix {
  const [rows, columns] = matrix.shape as [number, number];
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = rowOf(matrix, row);
    for (let j = 0; j < columns; j++) data[row * columns + j] = from[order[j]!]!;
  }
  return { shape: matrix.shape, data };
}

/** The rows, likewise. */
export function rowsInOrder(matrix: Matrix, order: Uint32Array): Matrix {
  const data = new Float32Array(matrix.data.length);
  for (const [row, from] of order.entries()) data.set(rowOf(matrix, from), row * matrix.shape[1]!);
  return { shape: matrix.shape, data };
}

/** Subtracts a matrix of as many rows from the columns that begin at `first`, in place. */
export function subtract(from: Matrix, matrix: Matrix, first = 0): void {
  for (let row = 0; row < from.shape[0]!; row++) {
    const [left, right] = [rowOf(from, row), rowOf(matrix, row)];
    for (let k = 0; k < right.length; k++) left[first + k]! -= right[k]!;
  }
}

export function sideBySide(a: Matrix, b: Matrix): Matrix {
  const [rows, width] = [a.shape[0]!, a.shape[1]! + b.shape[1]!];
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    data.set(rowOf(a, row), row * width);
    data.set(rowOf(b, row), row * width + a.shape[1]!);
  }
  return { shape: [rows, width], data };
}
