import { product } from '../../runtime/index.js';
import { columnsInOrder, type Matrix, part, rowOf, rowsInOrder, subtract } from './matrices.js';

/**
 * Share of the mean square that is added to the diagonal, so that the matrix can be inverted. Frantar et al. (2023) add a
 * hundredth; a tenth also keeps weights that are fitted to a few hundred images near what they were.
 */
const DAMPING = 0.1;
/** Columns that are worked on one at a time. More are cut in halves, whose effect on each other is a matrix product. */
export const COLUMNS = 96;

/** Moments M [I, I], made ready to be divided by. */
export interface Inverse {
  /** The columns of M by falling diagonal. */
  readonly order: Uint32Array;
  /** The upper factor U [I, I] of (M + λI)⁻¹ = Uᵀ U, rows and columns in that order. */
  readonly factor: Matrix;
}

/** Kept as long as the moments are: several weights are fed the same, and one weight is tried in several schemes. */
const inverses = new WeakMap<Matrix, Promise<Inverse>>();

/** @param moments E[x xᵀ] [I, I] */
export function inverseOf(moments: Matrix): Promise<Inverse> {
  const known = inverses.get(moments);
  if (known) return known;
  const made = invert(moments);
  inverses.set(moments, made);
  return made;
}

async function invert(moments: Matrix): Promise<Inverse> {
  const n = moments.shape[0]!;
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => moments.data[b * n + b]! - moments.data[a * n + a]!);
  const sorted = columnsInOrder(rowsInOrder(damped(moments), order), order);
  return { order, factor: await factorOf(sorted, dampingOf(moments) * 1e-6) };
}

/** x (M + λI)⁻¹ of rows x [R, I]. */
export async function timesInverse(x: Matrix, { order, factor }: Inverse): Promise<Matrix> {
  const half = await product(columnsInOrder(x, order), factor, { transposeB: true });
  const back = new Uint32Array(order.length);
  for (const [place, column] of order.entries()) back[column] = place;
  return columnsInOrder(await product(half, factor), back);
}

/** M + λI, λ being that of `like` in {@link Inverse}. */
export function damped(matrix: Matrix, like = matrix): Matrix {
  const [n, lambda] = [matrix.shape[0]!, dampingOf(like)];
  const data = matrix.data.slice();
  for (let i = 0; i < n; i++) data[i * n + i]! += lambda;
  return { shape: matrix.shape, data };
}

function dampingOf({ shape, data }: Matrix): number {
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
async function factorOf(matrix: Matrix, least: number): Promise<Matrix> {
  const n = matrix.shape[0]!;
  if (n <= COLUMNS) return smallFactor(matrix, least);
  const [front, back] = [[0, n >> 1] as const, [n >> 1, n] as const];
  const below = await factorOf(part(matrix, back, back), least);
  const beside = await product(part(matrix, front, back), below, { transposeB: true });
  const rest = part(matrix, front, front);
  subtract(rest, await product(beside, beside, { transposeB: true }));
  const above = await factorOf(rest, least);
  const corner = await product(await product(above, beside), below);
  const data = new Float32Array(n * n);
  for (let row = 0; row < n; row++) {
    if (row >= back[0]) data.set(rowOf(below, row - back[0]), row * n + back[0]);
    else {
      data.set(rowOf(above, row), row * n);
      for (const [k, value] of rowOf(corner, row).entries()) data[row * n + back[0] + k] = -value;
    }
  }
  return { shape: [n, n], data };
}

/** The same, entry by entry. */
function smallFactor({ shape, data: matrix }: Matrix, least: number): Matrix {
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
