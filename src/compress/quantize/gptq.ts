import { type Grid, matrixSize, type QuantizedTensor, type Rounder, rounder } from '../../quantization/index.js';
import { product } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';

/**
 * Share of the mean square that is added to the diagonal, so that the matrix can be inverted. Frantar et al. (2023) add a
 * hundredth; a tenth also keeps weights that are fitted to a few hundred pictures ({@link damped}) near what they were.
 */
const DAMPING = 0.1;
/** Columns that are worked on one at a time. More are cut in halves, whose effect on each other is a matrix product. */
const COLUMNS = 96;

/**
 * Rounds a weight [O, I] to a grid column by column, and changes the columns not yet rounded so that they make up for the
 * error (GPTQ, Frantar et al. 2023, algorithm 1; Hassibi and Stork 1993). With U the upper Cholesky factor of H⁻¹,
 * H = E[x xᵀ] + λI: e = (w_j − q_j) / U_jj, and w_k −= e U_jk for k > j. The grid's scales are given and stay.
 *
 * @param moments E[x xᵀ] [I, I] of what the weight is multiplied by
 */
export async function compensated(
  grid: Grid,
  weight: HostTensor,
  moments: HostTensor<Float32Array>,
): Promise<QuantizedTensor> {
  const { rows, columns } = matrixSize(weight.shape);
  if (moments.shape.join() !== `${columns},${columns}`) {
    throw new Error(`gptq: expected moments [${columns}, ${columns}], got [${moments.shape.join(', ')}]`);
  }
  const factor = await inverseFactor(moments);
  const left = { shape: [rows, columns], data: Float32Array.from(weight.data) };
  const codes = new Uint8Array(left.data.length);
  const by = rounder(grid);

  /** Rounds columns from `first` to before `end`, and gives their errors e. */
  const round = async (first: number, end: number): Promise<HostTensor<Float32Array>> => {
    if (end - first <= COLUMNS)
      return roundColumns(left, [first, end], part(factor, [first, end], [first, end]), by, codes);
    const middle = (first + end) >> 1;
    const errors = await round(first, middle);
    const effect = await product(errors, part(factor, [first, middle], [middle, end]));
    subtract(left, effect, middle);
    return sideBySide(errors, await round(middle, end));
  };
  await round(0, columns);
  return { ...grid, codes };
}

/**
 * Rounds some columns, one after the other, and takes the error of each out of those of them behind it.
 *
 * @param factor U between these columns
 * @param codes of the whole weight, filled
 * @returns the errors e
 */
function roundColumns(
  weight: HostTensor<Float32Array>,
  [first, end]: Range,
  { data: factor }: HostTensor<Float32Array>,
  { blockOf, nearest, value }: Rounder,
  codes: Uint8Array,
): HostTensor<Float32Array> {
  const [rows, columns] = weight.shape as [number, number];
  const width = end - first;
  const errors = new Float32Array(rows * width);
  const left = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    const from = row * columns + first;
    left.set(weight.data.subarray(from, from + width));
    for (let j = 0; j < width; j++) {
      const block = blockOf(from + j);
      const code = nearest(left[j]!, block);
      codes[from + j] = code;
      const error = (left[j]! - value(code, block)) / factor[j * width + j]!;
      errors[row * width + j] = error;
      if (error !== 0) for (let k = j + 1; k < width; k++) left[k]! -= error * factor[j * width + k]!;
    }
  }
  return { shape: [rows, width], data: errors };
}

/** Kept as long as the moments are: several weights are fed the same, and one weight is tried in several schemes. */
const factors = new WeakMap<HostTensor, Promise<HostTensor<Float32Array>>>();

/** The upper factor U [I, I] of (M + λI)⁻¹ = Uᵀ U. */
export function inverseFactor(moments: HostTensor<Float32Array>): Promise<HostTensor<Float32Array>> {
  let factor = factors.get(moments);
  if (!factor) {
    factor = factorOf(damped(moments), dampingOf(moments) * 1e-6);
    factors.set(moments, factor);
  }
  return factor;
}

/** M + λI, λ being that of `like` in {@link inverseFactor}. */
export function damped(matrix: HostTensor<Float32Array>, like = matrix): HostTensor<Float32Array> {
  const [n, lambda] = [matrix.shape[0]!, dampingOf(like)];
  const data = matrix.data.slice();
  for (let i = 0; i < n; i++) data[i * n + i]! += lambda;
  return { shape: matrix.shape, data };
}

function dampingOf({ shape, data }: HostTensor<Float32Array>): number {
  const n = shape[0]!;
  let trace = 0;
  for (let i = 0; i < n; i++) trace += data[i * n + i]!;
  return DAMPING * (trace / n) || 1;
}

/**
 * U = V⁻¹ of a positive definite M = V Vᵀ, both upper, so that M⁻¹ = Uᵀ U; without inverting the matrix itself. In halves:
 * U₂₂ from M₂₂, V₁₂ = M₁₂ U₂₂ᵀ, U₁₁ from M₁₁ − V₁₂ V₁₂ᵀ, U₁₂ = −U₁₁ V₁₂ U₂₂.
 *
 * @param least what a pivot is at least, squared
 */
async function factorOf(matrix: HostTensor<Float32Array>, least: number): Promise<HostTensor<Float32Array>> {
  const n = matrix.shape[0]!;
  if (n <= COLUMNS) return smallFactor(matrix, least);
  const [front, back] = [[0, n >> 1] as const, [n >> 1, n] as const];
  const below = await factorOf(part(matrix, back, back), least);
  const beside = await product(part(matrix, front, back), below, { transposeB: true });
  const rest = part(matrix, front, front);
  subtract(rest, await product(beside, beside, { transposeB: true }), 0);
  const above = await factorOf(rest, least);
  const corner = await product(await product(above, beside), below);
  const data = new Float32Array(n * n);
  for (let row = 0; row < n; row++) {
    if (row >= back[0]) data.set(rowOf(below, row - back[0]), row * n + back[0]);
    else {
      data.set(rowOf(above, row), row * n);
      data.set(
        rowOf(corner, row).map((value) => -value),
        row * n + back[0],
      );
    }
  }
  return { shape: [n, n], data };
}

/** The same, entry by entry. */
function smallFactor({ shape, data: matrix }: HostTensor<Float32Array>, least: number): HostTensor<Float32Array> {
  const n = shape[0]!;
  const upper = new Float64Array(n * n);
  for (let j = n - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let sum = matrix[i * n + j]!;
      for (let k = j + 1; k < n; k++) sum -= upper[i * n + k]! * upper[j * n + k]!;
      upper[i * n + j] = i === j ? Math.sqrt(Math.max(sum, least)) : sum / upper[j * n + j]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = n - 1; i >= 0; i--) {
    const pivot = 1 / upper[i * n + i]!;
    inverse[i * n + i] = pivot;
    for (let k = i + 1; k < n; k++) {
      const step = upper[i * n + k]! * pivot;
      if (step === 0) continue;
      for (let j = k; j < n; j++) inverse[i * n + j]! -= step * inverse[k * n + j]!;
    }
  }
  return { shape, data: Float32Array.from(inverse) };
}

type Range = readonly [first: number, end: number];

const rowOf = ({ shape, data }: HostTensor<Float32Array>, row: number) =>
  data.subarray(row * shape[1]!, (row + 1) * shape[1]!);

/** A copy of some rows and columns. */
function part(matrix: HostTensor<Float32Array>, [top, bottom]: Range, [left, right]: Range): HostTensor<Float32Array> {
  const [rows, columns] = [bottom - top, right - left];
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) data.set(rowOf(matrix, top + row).subarray(left, right), row * columns);
  return { shape: [rows, columns], data };
}

/** Subtracts a matrix of as many rows from the columns that begin at `first`, in place. */
function subtract(from: HostTensor<Float32Array>, matrix: HostTensor<Float32Array>, first: number): void {
  for (let row = 0; row < from.shape[0]!; row++) {
    const [left, right] = [rowOf(from, row), rowOf(matrix, row)];
    for (let k = 0; k < right.length; k++) left[first + k]! -= right[k]!;
  }
}

function sideBySide(a: HostTensor<Float32Array>, b: HostTensor<Float32Array>): HostTensor<Float32Array> {
  const [rows, width] = [a.shape[0]!, a.shape[1]! + b.shape[1]!];
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    data.set(rowOf(a, row), row * width);
    data.set(rowOf(b, row), row * width + a.shape[1]!);
  }
  return { shape: [rows, width], data };
}
