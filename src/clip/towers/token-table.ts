import { type Params, param, type TensorTree } from '../../nn/index.js';
import { gather, type HostTensor, linear, type Tensor } from '../../tensor/index.js';

/** The token table [V, D], or of a factorised one the rows [V, r]. */
export const tokenTable = 'text_model.embeddings.token_embedding.weight';
/** Of a factorised token table, from its rows to the tower's width: [D, r]. */
export const tokenProjection = 'text_model.embeddings.token_projection.weight';

/**
 * Token embeddings, of a table that is whole or factorised (Lan et al., ALBERT, arXiv 1909.11942, section 3.1).
 *
 * @param ids [N, L] int32
 * @returns [N, L, D]
 * @throws Error naming a parameter that is missing
 */
export function embedTokens(p: TensorTree, ids: Tensor): Tensor {
  const rows = gather(param(p, tokenTable), ids); // [N, L, D or r]
  const projection = p[tokenProjection];
  return projection ? linear(rows, projection) : rows;
}

/**
 * A text tower's whole token table [V, D]: that of its parameters, or the product of its two factors.
 *
 * @throws Error where there is none
 */
export function wholeTokenTable(params: Params): HostTensor<Float32Array> {
  const table = params[tokenTable] as HostTensor<Float32Array> | undefined;
  if (!table) throw new Error(`parameter ${tokenTable} is missing`);
  const projection = params[tokenProjection];
  if (!projection) return table;
  const [rows, rank] = table.shape as [number, number];
  const width = projection.shape[0]!;
  const whole = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < width; k++) {
      let sum = 0;
      for (let j = 0; j < rank; j++) sum += table.data[row * rank + j]! * projection.data[k * rank + j]!;
      whole[row * width + k] = sum;
    }
  }
  return { shape: [rows, width], data: whole };
}
