import { concat, constant, type Tensor } from '../../tensor/index.js';
import { type Matrix, part, rowOf } from './matrices.js';

/** What a layer is fed before quantisation, x, and with all before it quantised, x̃. */
export interface PairMoments {
  /** E[x̃ x̃ᵀ] [I, I] */
  readonly fed: Matrix;
  /** E[x x̃ᵀ] [I, I] */
  readonly both: Matrix;
}

/** The same about the means, and the means. */
export interface CentredMoments extends PairMoments {
  readonly means: { readonly fed: Matrix; readonly original: Matrix }; // [1, I]
}

/** Of layers without a bias, and of layers with one. */
export interface LayerMoments {
  readonly plain: PairMoments;
  readonly centred: CentredMoments;
}

/**
 * Share of the moments about zero that the diagonal about the means keeps: what hardly changes leaves nothing but the
 * rounding of sums in fp32 there, of either sign.
 */
const ROUNDING = 1e-4;

/** Rows [M, I] with a 1 behind each [M, I + 1], whose moments hold sums and number of the rows, too. */
export function withOne(x: Tensor): Tensor {
  const rows = x.shape[0] as number;
  return concat([x, constant({ shape: [rows, 1], data: new Float32Array(rows).fill(1) })], 1);
}

/** Moments out of those of rows with a 1 behind them, which are sums over a batch. */
export function splitMoments(fed: Matrix, both: Matrix): LayerMoments {
  const n = fed.shape[0]! - 1;
  const rows = fed.data.at(-1)!;
  const inner = (matrix: Matrix) => part(matrix, [0, n], [0, n]);
  const plain = { fed: inner(fed), both: inner(both) };
  const lastRow = rowOf(fed, n).subarray(0, n);
  const means = {
    fed: { shape: [1, n], data: lastRow.map((sum) => sum / rows) },
    original: { shape: [1, n], data: Float32Array.from({ length: n }, (_, i) => both.data[i * (n + 1) + n]! / rows) },
  };
  const about = ({ data }: Matrix, a: Matrix, b: Matrix): Matrix => {
    const out = data.slice();
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) out[i * n + j]! -= rows * a.data[i]! * b.data[j]!;
      out[i * n + i]! += ROUNDING * plain.fed.data[i * n + i]!;
    }
    return { shape: [n, n], data: out };
  };
  const centred = { fed: about(plain.fed, means.fed, means.fed), both: about(plain.both, means.original, means.fed) };
  return { plain, centred: { ...centred, means } };
}
