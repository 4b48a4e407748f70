import { product } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { type Grid, matrixSize, type QuantizedTensor, type Rounder, rounder } from '../../weight-formats/index.js';
import { COLUMNS, damped, inverseOf } from './inverse.js';
import { columnsInOrder, type Matrix, part, rowOf, sideBySide, subtract } from './matrices.js';

/** Times that every code of a row is looked at again. */
const SWEEPS = 3;

/**
 * Rounds a weight [O, I] to a grid so that its outputs change little: the error of a row's codes q is (w − q)ᵀ H (w − q),
 * H = E[x xᵀ] + λI. The grid's scales are given and stay.
 *
 * First column by column, those with most energy first, each error made up for by the columns not yet rounded (GPTQ,
 * Frantar et al. 2023, algorithm 1; Hassibi and Stork 1993): with U the upper Cholesky factor of H⁻¹,
 * e = (w_j − q_j) / U_jj, and w_k −= e U_jk for k > j. Then by coordinate descent: each code again takes the value that is
 * best beside all the others, q_j + (H (w − q))_j / H_jj, rounded (QuantEase, Behdin et al. 2023, arXiv 2309.01885).
 *
 * @param moments E[x xᵀ] [I, I] of what the weight is multiplied by
 */
export async function compensated(grid: Grid, weight: HostTensor, moments: Matrix): Promise<QuantizedTensor> {
  const { rows, columns } = matrixSize(weight.shape);
  if (moments.shape.join() !== `${columns},${columns}`) {
    throw new Error(`gptq: expected moments [${columns}, ${columns}], got [${moments.shape.join(', ')}]`);
  }
  const { order, factor } = await inverseOf(moments);
  const matrix: Matrix = { shape: [rows, columns], data: Float32Array.from(weight.data) };
  const left = columnsInOrder(matrix, order);
  const codes = new Uint8Array(rows * columns);
  const by = rounder(grid);

  /** Rounds columns from `first` to before `end`, and gives their errors e. */
  const round = async (first: number, end: number): Promise<Matrix> => {
    if (end - first <= COLUMNS) {
      const own = part(left, [0, rows], [first, end]);
      return roundColumns(own, order.subarray(first, end), part(factor, [first, end], [first, end]), by, codes);
    }
    const middle = (first + end) >> 1;
    const errors = await round(first, middle);
    subtract(left, await product(errors, part(factor, [first, middle], [middle, end])), middle);
    return sideBySide(errors, await round(middle, end));
  };
  await round(0, columns);
  await descend(matrix, damped(moments), by, codes);
  return { ...grid, codes };
}

/**
 * Rounds some columns, one after the other, and takes the error of each out of those of them behind it.
 *
 * @param left their values [O, n]
 * @param places where they stand in the weight
 * @param factor U between them
 * @param codes of the whole weight, filled
 * @returns the errors e [O, n]
 */
function roundColumns(
  left: Matrix,
  places: Uint32Array,
  { data: factor }: Matrix,
  { blockOf, nearest, value }: Rounder,
  codes: Uint8Array,
): Matrix {
  const [rows, width] = left.shape as [number, number];
  const columns = codes.length / rows;
  const errors = new Float32Array(rows * width);
  const own = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    own.set(rowOf(left, row));
    for (let j = 0; j < width; j++) {
      const at = row * columns + places[j]!;
      const block = blockOf(at);
      const code = nearest(own[j]!, block);
      codes[at] = code;
      const error = (own[j]! - value(code, block)) / factor[j * width + j]!;
      errors[row * width + j] = error;
      if (error !== 0) for (let k = j + 1; k < width; k++) own[k]! -= error * factor[j * width + k]!;
    }
  }
  return { shape: left.shape, data: errors };
}

/** Moves codes as long as that makes the error smaller, {@link SWEEPS} times over each row at most. */
async function descend(
  weight: Matrix,
  hessian: Matrix,
  { blockOf, nearest, value }: Rounder,
  codes: Uint8Array,
): Promise<void> {
  const [rows, columns] = weight.shape as [number, number];
  const values = Float32Array.from(codes, (code, at) => value(code, blockOf(at)));
  const rest = weight.data.map((own, at) => own - values[at]!);
  const slopes = await product({ shape: weight.shape, data: rest }, hessian);
  const slope = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    slope.set(rowOf(slopes, row));
    let moved = true;
    for (let sweep = 0; moved && sweep < SWEEPS; sweep++) {
      moved = false;
      for (let j = 0; j < columns; j++) {
        const at = row * columns + j;
        const block = blockOf(at);
        const line = j * columns;
        const code = nearest(values[at]! + slope[j]! / hessian.data[line + j]!, block);
        if (code === codes[at]) continue;
        const change = value(code, block) - values[at]!;
        codes[at] = code;
        values[at]! += change;
        for (let k = 0; k < columns; k++) slope[k]! -= change * hessian.data[line + k]!;
        moved = true;
      }
    }
  }
}
