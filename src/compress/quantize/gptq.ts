import { type Grid, matrixSize, type QuantizedTensor, rounder } from '../../quantization/index.js';
import type { HostTensor } from '../../tensor/index.js';

/**
 * Share of the mean square that is added to the diagonal, so that the matrix can be inverted. Frantar et al. (2023) add a
 * hundredth; a tenth also keeps weights that are fitted to a few hundred pictures ({@link damped}) near what they were.
 */
const DAMPING = 0.1;
/** Rows that are rounded together: the factor, which no cache holds whole, is read once for all of them. */
const ROWS = 16;

/**
 * Rounds a weight [O, I] to a grid column by column, and changes the columns not yet rounded so that they make up for the
 * error (GPTQ, Frantar et al. 2023, algorithm 1; Hassibi and Stork 1993). With U the upper Cholesky factor of H⁻¹,
 * H = E[x xᵀ] + λI: e = (w_j − q_j) / U_jj, and w_k −= e U_jk for k > j. The grid's scales are given and stay.
 *
 * @param moments E[x xᵀ] [I, I] of what the weight is multiplied by
 */
export function compensated(grid: Grid, weight: HostTensor, moments: HostTensor<Float32Array>): QuantizedTensor {
  const { rows, columns } = matrixSize(weight.shape);
  if (moments.shape.join() !== `${columns},${columns}`) {
    throw new Error(`gptq: expected moments [${columns}, ${columns}], got [${moments.shape.join(', ')}]`);
  }
  const factor = inverseFactor(moments).data;
  const { nearest, value } = rounder(grid);
  const left = Float64Array.from(weight.data);
  const codes = new Uint8Array(left.length);
  for (let first = 0; first < rows; first += ROWS) {
    const end = Math.min(first + ROWS, rows);
    for (let j = 0; j < columns; j++) {
      for (let row = first; row < end; row++) {
        const [from, at] = [row * columns, row * columns + j];
        codes[at] = nearest(left[at]!, at);
        const error = (left[at]! - value(codes[at]!, at)) / factor[j * columns + j]!;
        if (error !== 0) spread(left, from, error, factor, j, columns);
      }
    }
  }
  return { ...grid, codes };
}

/** Takes a column's error out of the columns behind it, of one row. */
function spread(left: Float64Array, from: number, error: number, factor: Float32Array, j: number, n: number): void {
  const row = j * n;
  for (let k = j + 1; k < n; k++) left[from + k]! -= error * factor[row + k]!;
}

/** Kept as long as the moments are: one weight is tried in several schemes. */
const factors = new WeakMap<HostTensor, HostTensor<Float32Array>>();

/** The upper factor U [I, I] of (M + λI)⁻¹ = Uᵀ U. */
export function inverseFactor(moments: HostTensor<Float32Array>): HostTensor<Float32Array> {
  let factor = factors.get(moments);
  if (!factor) {
    factor = { shape: moments.shape, data: Float32Array.from(factorOf(moments)) };
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

function factorOf(tensor: HostTensor<Float32Array>): Float64Array {
  const { data: moments } = tensor;
  const n = tensor.shape[0]!;
  const damping = dampingOf(tensor);
  // M + λI = J Lᵀ L J with rows and columns reversed by J gives U = (J L J)⁻¹ without inverting the matrix itself.
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = moments[(n - 1 - i) * n + (n - 1 - j)]! + (i === j ? damping : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!;
      lower[i * n + j] = i === j ? Math.sqrt(Math.max(sum, damping * 1e-6)) : sum / lower[j * n + j]!;
    }
  }
  // With the reversal undone, M + λI = V Vᵀ, V upper; then (M + λI)⁻¹ = V⁻ᵀ V⁻¹, so U = V⁻¹.
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) upper[(n - 1 - i) * n + (n - 1 - j)] = lower[i * n + j]!;
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
  return inverse;
}
