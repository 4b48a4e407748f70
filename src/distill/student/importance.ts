import type { HostTensor } from '../../tensor/index.js';

/** Adds the squares of a matrix [rows, columns] to a score a row. */
export function addRowSquares(matrix: HostTensor, scores: Float64Array): void {
  const rows = matrix.shape[0]!;
  const columns = matrix.data.length / rows;
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += matrix.data[r * columns + c]! ** 2;
    scores[r]! += sum;
  }
}

/** Adds the squares of a matrix [rows, columns] to a score a column. */
export function addColumnSquares(matrix: HostTensor, scores: Float64Array): void {
  const rows = matrix.shape[0]!;
  const columns = matrix.data.length / rows;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) scores[c]! += matrix.data[r * columns + c]! ** 2;
  }
}

/** Indices of the `count` highest scores, ascending, so that keeping all changes nothing. Ties go to the lower index. */
export function topIndices(scores: ArrayLike<number>, count: number): number[] {
  return ranking(scores)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** All indices, the highest score first. */
export function ranking(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/** The named rows and columns of a matrix, or the named entries of a vector (columns left out). */
export function pick(
  tensor: HostTensor,
  rows: readonly number[] | null,
  columns?: readonly number[] | null,
): HostTensor {
  const height = tensor.shape[0]!;
  const width = tensor.data.length / height;
  const r = rows ?? Array.from({ length: height }, (_, i) => i);
  if (columns === undefined) {
    const data = new Float32Array(r.length * width);
    for (const [i, row] of r.entries()) data.set(tensor.data.subarray(row * width, (row + 1) * width), i * width);
    return { shape: [r.length, ...tensor.shape.slice(1)], data };
  }
  const c = columns ?? Array.from({ length: width }, (_, i) => i);
  const data = new Float32Array(r.length * c.length);
  for (const [i, row] of r.entries()) {
    for (const [j, column] of c.entries()) data[i * c.length + j] = tensor.data[row * width + column]!;
  }
  return { shape: [r.length, c.length], data };
}
