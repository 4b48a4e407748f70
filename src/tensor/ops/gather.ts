import { describeTensor } from '../dtype.js';
import { applyOne, type Dim, type Op, type Tensor } from '../tensor.js';
import { cast, equal } from './arithmetic.js';
import { reshape, slice } from './layout.js';
import { matmul } from './matmul.js';
import { positions } from './positions.js';

const gatherOp: Op = {
  name: 'gather',
  emit: (e, _, ins, outs) => e.node('Gather', ins, outs, { axis: 0 }),
  gradient: (node, [dy]) => {
    const [table, indices] = node.inputs as [Tensor, Tensor];
    const width = table.shape[1]!;
    return [scatterAdd(reshape(dy!, [-1, width]), reshape(indices, [-1, 1]), table), undefined];
  },
};

/**
 * Rows of a table: table [V, D], indices [...] of whole numbers → [..., D]. The embedding lookup.
 *
 * @throws Error for a table of other than two axes, or indices that are not int32
 */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (table.rank !== 2 || table.dtype !== 'float32' || indices.dtype !== 'int32') {
    throw new Error(
      `gather: expected a table [V, D] and int32 indices, got ${describeTensor(table)} and ${describeTensor(indices)}`,
    );
  }
  return applyOne(gatherOp, [table, indices], [...indices.shape, table.shape[1]!]);
}

/**
 * The first rows of a table [V, D], as many as `like` has along an axis, which may be symbolic.
 *
 * @throws Error for a table of other than two axes
 */
export function firstRows(table: Tensor, like: Tensor, axis: number): Tensor {
  const size = like.shape[axis];
  // A slice's gradient is cheaper than a lookup's, and where the size is known too many rows are noticed here.
  return typeof size === 'number' ? slice(table, 0, 0, size) : gather(table, positions(like, axis));
}

const scatterAddOp: Op = {
  name: 'scatterAdd',
  emit(e, node, [rows, indices], outs) {
    const [vocabulary, width] = node.outputs[0]!.sizes('scatterAdd') as [number, number];
    const wide = e.name();
    const zeros = e.name();
    e.node('Cast', [indices!], [wide], { to: e.elementType('int64') });
    e.node('Expand', [e.float(0), e.int64s([vocabulary, width])], [zeros]);
    e.node('ScatterND', [zeros, wide, rows!], outs, { reduction: 'add' });
  },
  gradient: (node, [dy]) => {
    const indices = node.inputs[1]!;
    return [gather(dy!, reshape(indices, [indices.shape[0]!])), undefined];
  },
};

/** Rows [N, D] added up at their indices [N, 1] in zeros of the shape of `like` [V, D]: the gradient of {@link gather}. */
function scatterAdd(rows: Tensor, indices: Tensor, like: Tensor): Tensor {
  return applyOne(scatterAddOp, [rows, indices], like.shape);
}

/**
 * One row of each item: x [B, T, D], rows [B] int32 → [B, D]. Picks the end token's features.
 *
 * @throws Error for other shapes or types
 */
export function gatherRows(x: Tensor, rows: Tensor): Tensor {
  if (
    x.rank !== 3 ||
    x.dtype !== 'float32' ||
    rows.rank !== 1 ||
    rows.dtype !== 'int32' ||
    x.shape[0] !== rows.shape[0]
  ) {
    throw new Error(
      `gatherRows: expected [B, T, D] and int32 [B], got ${describeTensor(x)} and ${describeTensor(rows)}`,
    );
  }
  const [batch, tokens, width] = x.shape as [Dim, Dim, Dim];
  // A product with a one-hot row: works with a symbolic batch, on every device, and its gradient is another product.
  const chosen = cast(equal(reshape(rows, [batch, 1]), positions(x, 1)), 'float32'); // [B, T]
  return reshape(matmul(reshape(chosen, [batch, 1, tokens]), x), [batch, width]);
}

/**
 * Some tokens of each item: x [B, T, D], rows [B, K] int32 → [B, K, D].
 *
 * @param rows of all items' tokens one after another: item i's token t is i · T + t
 */
export function gatherTokens(x: Tensor, rows: Tensor): Tensor {
  if (x.rank !== 3 || rows.rank !== 2 || x.shape[0] !== rows.shape[0]) {
    throw new Error(
      `gatherTokens: expected [B, T, D] and [B, K], got ${describeTensor(x)} and ${describeTensor(rows)}`,
    );
  }
  return gather(reshape(x, [-1, x.shape[2]!]), rows);
}
