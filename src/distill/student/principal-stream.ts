import { Matrix } from 'ml-matrix';
import { type HostTensor, matrixOf, tensorOf } from '../../tensor/index.js';
import { components } from './components.js';
import type { Linear, Norm, ResidualStream, StreamWriter } from './residual-stream.js';
import type { StreamMoments } from './stream-moments.js';

/**
 * The principal components of the teacher's normalised residual stream, as a stream of width d (after SliceGPT, Ashkboos et
 * al., ICLR 2024, §3, for layer norms).
 *
 * A layer norm sees x only through C x, C = I − 11ᵀ/D, and its length. With the d − 1 first components P [D, d − 1] of
 * C x / ‖C x‖ and columns E [d, d − 1] that are orthonormal, and orthogonal to 1, the student's stream is x' = B x with
 * B = E Pᵀ: its mean is 0, its length that of what P keeps of x, so that LN(x) ≈ √(D/d) · Bᵀ LN(x'). Weights that write are
 * multiplied by B, weights that read by √(D/d) · diag(γ) Bᵀ; β goes into their biases. At d = D nothing is lost but where a
 * norm's output is the stream: there the length of each token becomes that of the mean token.
 *
 * @param d width of the student, at least 2
 */
export function principalStream({ width: D, moment, embedded }: StreamMoments, d: number): ResidualStream {
  const B = spread(d).mmul(components(Matrix.from1DArray(D, D, moment), d - 1).transpose()); // [d, D]
  const gain = Math.sqrt(D / d);
  const reading = (weight: HostTensor, norm: Norm) =>
    scaledColumns(matrixOf(weight), norm.weight.data).mmul(B.transpose()).mul(gain);
  const writer = writerOf(B);
  return {
    ...writer,
    norm: () => unitNorm(d),
    read: ({ weight, bias }: Linear, norm) => {
      const shift = matrixOf(weight).mmul(column(norm.bias));
      return {
        weight: tensorOf(reading(weight, norm)),
        bias: { shape: bias.shape, data: Float32Array.from(bias.data, (b, i) => b + shift.get(i, 0)) },
      };
    },
    project: (weight, norm) => {
      // Nothing after it can carry W β. But LN(x') has no mean: what all columns share reads the norm's own bias alone.
      const shift = matrixOf(weight).mmul(column(norm.bias)).div(d);
      return {
        weight: tensorOf(reading(weight, norm).addColumnVector(shift)),
        norm: { ...unitNorm(d), bias: { shape: [d], data: new Float32Array(d).fill(1) } },
      };
    },
    embed: (norm) => {
      const A = scaledColumns(B, norm.weight.data); // what the norm makes of the embeddings but for their length
      const bias = writer.write(norm.bias);
      const scale = rms(B.mmul(Matrix.from1DArray(embedded.length / D, D, embedded).transpose()), bias.data);
      return {
        writer: writerOf(centredRows(A)),
        norm: { weight: { shape: [d], data: new Float32Array(d).fill(scale) }, bias },
      };
    },
    map: tensorOf(Matrix.mul(B, gain)),
  };
}

/** d − 1 orthonormal columns of length d without a mean: the cosine transform's, which load all channels alike. */
function spread(d: number): Matrix {
  const E = new Matrix(d, d - 1);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d - 1; j++) E.set(i, j, Math.sqrt(2 / d) * Math.cos((Math.PI * (i + 0.5) * (j + 1)) / d));
  }
  return E;
}

function writerOf(B: Matrix): StreamWriter {
  const centred = centredRows(B);
  return {
    write: (x) => {
      const out = centred.mmul(matrixOf(x));
      return { ...tensorOf(out), shape: [B.rows, ...x.shape.slice(1)] };
    },
    rows: (x) => tensorOf(matrixOf(x).mmul(centred.transpose())),
  };
}

/** A C: what it is multiplied by need not be centred first. */
function centredRows(A: Matrix): Matrix {
  return A.clone().subColumnVector(A.mean('row'));
}

/** √ of the mean of (x − b)² over the columns x of X. */
function rms(X: Matrix, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < X.rows; i++) for (let j = 0; j < X.columns; j++) sum += (X.get(i, j) - b[i]!) ** 2;
  return Math.sqrt(sum / (X.rows * X.columns));
}

const scaledColumns = (A: Matrix, by: ArrayLike<number>): Matrix => A.clone().mulRowVector(Array.from(by));

const unitNorm = (d: number): Norm => ({
  weight: { shape: [d], data: new Float32Array(d).fill(1) },
  bias: { shape: [d], data: new Float32Array(d) },
});

const column = ({ data }: HostTensor): Matrix => Matrix.columnVector(data as Float32Array);
