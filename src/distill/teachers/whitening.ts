import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Batches } from '../batches/batches.js';
import type { LayerWhitening } from '../losses/loss.js';
import type { DistillRecipe } from '../recipe.js';
import type { TargetStore } from '../targets/target-store.js';

/** Tokens that moments are taken of, at most: more change little. */
const mostTokens = 20_000;
/** Least deviation of a channel, as UNIC has it: one that hardly moves is not blown up. */
const leastDeviation = 1e-3;

/**
 * How each stored layer's features are brought to unit variance, from the moments of stored tokens, evenly over the store:
 *
 * - `channel`: x̂ = (x − μ) / σ, channel by channel (UNIC, Theia).
 * - `phi-s`: x̂ = φ⁻¹ H Uᵀ (x − μ) with the covariance U Λ Uᵀ, φ² the mean of Λ and H a rotation after which all channels have
 *   the same variance (PHI-S, Ranzinger et al., arXiv 2410.01680): one factor for all channels, so that distances keep their
 *   proportions. H is Hadamard's matrix where the width is a power of two, and otherwise made of D − 1 plane rotations
 *   (Bendel and Mickey 1978), which do the same.
 *
 * @param layers of the teacher, which the store keeps
 */
export function whitenings(store: TargetStore, layers: readonly number[], mode: 'channel' | 'phi-s'): LayerWhitening {
  const { tokens, width } = store.layout.contents;
  const count = Math.min(store.records, Math.max(1, Math.floor(mostTokens / tokens)));
  const records = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * store.records) / count));
  const record = new Uint8Array(store.layout.bytes);
  return Object.fromEntries(
    layers.map((layer) => {
      const rows = new Float32Array(count * tokens * width);
      for (const [i, index] of records.entries()) {
        store.read(index, record);
        store.layout.readHidden(record, layer, rows, i * tokens * width);
      }
      return [layer, mode === 'channel' ? channelWise(rows, width) : phiS(rows, width)];
    }),
  );
}

/** For each teacher of a run: see {@link whitenings}; undefined where the recipe standardises by token, or not. */
export function whiteningOf(
  { losses: { feature } }: Pick<DistillRecipe, 'losses'>,
  batches: Batches,
): readonly LayerWhitening[] | undefined {
  const mode = feature.standardize;
  if (typeof mode === 'boolean') return undefined;
  const stores = [batches.store, ...(batches.others?.options.teachers.slice(1).map(({ store }) => store) ?? [])];
  return stores.map((store) => whitenings(store, store.layout.contents.hidden, mode));
}

function meanOf(rows: Float32Array, width: number): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < rows.length; i++) mean[i % width]! += rows[i]!;
  return mean.map((sum) => sum / (rows.length / width));
}

/** @param rows [n, width] */
export function channelWise(rows: Float32Array, width: number): LayerWhitening[number] {
  const mean = meanOf(rows, width);
  const squares = new Float64Array(width);
  for (let i = 0; i < rows.length; i++) squares[i % width]! += (rows[i]! - mean[i % width]!) ** 2;
  const map = Float32Array.from(squares, (sum) => 1 / Math.max(leastDeviation, Math.sqrt(sum / (rows.length / width))));
  return { mean: { shape: [width], data: Float32Array.from(mean) }, map: { shape: [width], data: map } };
}

/** @param rows [n, width] */
export function phiS(rows: Float32Array, width: number): LayerWhitening[number] {
  const mean = meanOf(rows, width);
  const n = rows.length / width;
  const covariance = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let r = 0; r < n; r++) {
    for (let k = 0; k < width; k++) centred[k] = rows[r * width + k]! - mean[k]!;
    for (let a = 0; a < width; a++) {
      const x = centred[a]! / n;
      for (let b = a; b < width; b++) covariance[a * width + b]! += x * centred[b]!;
    }
  }
  for (let a = 0; a < width; a++) for (let b = 0; b < a; b++) covariance[a * width + b] = covariance[b * width + a]!;
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    Matrix.from1DArray(width, width, covariance),
    { assumeSymmetric: true },
  );
  const variances = realEigenvalues.map((value) => Math.max(0, value));
  const phi = Math.max(leastDeviation, Math.sqrt(variances.reduce((a, b) => a + b, 0) / width));
  // Rows are vectors: (x − μ) U Hᵀ / φ.
  const map = eigenvectorMatrix.mmul(equaliser(variances).transpose()).div(phi);
  return {
    mean: { shape: [width], data: Float32Array.from(mean) },
    map: { shape: [width, width], data: Float32Array.from(map.to1DArray()) },
  };
}

/** An orthogonal H for which H diag(variances) Hᵀ has the same number all along its diagonal. */
function equaliser(variances: readonly number[]): Matrix {
  const n = variances.length;
  if ((n & (n - 1)) === 0) {
    const sign = (i: number, j: number) => {
      let bits = i & j;
      let odd = 0;
      for (; bits; bits &= bits - 1) odd ^= 1;
      return odd ? -1 : 1;
    };
    return new Matrix(
      Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => sign(i, j) / Math.sqrt(n))),
    );
  }
  const H = Matrix.eye(n);
  const A = Matrix.diag([...variances]);
  const wanted = variances.reduce((a, b) => a + b, 0) / n;
  const done = new Set<number>();
  while (done.size < n - 1) {
    const left = Array.from({ length: n }, (_, i) => i).filter((i) => !done.has(i));
    const low = left.reduce((a, b) => (A.get(b, b) < A.get(a, a) ? b : a));
    const high = left.reduce((a, b) => (A.get(b, b) > A.get(a, a) ? b : a));
    if (low !== high) rotateTo(A, H, low, high, wanted);
    done.add(low);
  }
  return H;
}

/** Turns the plane of axes i and j so that A_ii is the wanted number, which lies between A_ii and A_jj. */
function rotateTo(A: Matrix, H: Matrix, i: number, j: number, wanted: number): void {
  const [a, b, c] = [A.get(i, i) - wanted, A.get(i, j), A.get(j, j) - wanted];
  if (Math.abs(a) < 1e-14 * Math.abs(wanted)) return;
  // a + 2 b t + c t² = 0 for t = tan θ; a ≤ 0 ≤ c, so that there is a root.
  const root = Math.sqrt(Math.max(0, b * b - a * c));
  const tangent = c === 0 ? -a / (2 * b || 1) : (-b + root) / c;
  const cos = 1 / Math.hypot(1, tangent);
  const sin = tangent * cos;
  for (const M of [A, H]) {
    for (let k = 0; k < M.columns; k++) {
      const [x, y] = [M.get(i, k), M.get(j, k)];
      M.set(i, k, cos * x + sin * y);
      M.set(j, k, cos * y - sin * x);
    }
  }
  for (let k = 0; k < A.rows; k++) {
    const [x, y] = [A.get(k, i), A.get(k, j)];
    A.set(k, i, cos * x + sin * y);
    A.set(k, j, cos * y - sin * x);
  }
}
