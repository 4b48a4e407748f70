import { applyOne, constant, formatShape, type HostTensor, type Op, type Tensor } from '../tensor.js';
import { cast, equal } from './arithmetic.js';
import { reshape } from './layout.js';
import { matmul } from './matmul.js';

const gatherOp: Op = {
  name: 'gather',
  emit: (e, _, ins, outs) => e.node('Gather', ins, outs, { axis: 0 }),
  gradient: (node, [dy]) => {
    const [table, indices] = node.inputs as [Tensor, Tensor];
    const width = table.shape[1]!;
    return [scatterAdd(reshape(dy!, [-1, width]), reshape(indices, [-1, 1]), table), undefined];
  },
};

/** Rows of a table: table [V, D], indices [...] of whole numbers → [..., D]. The embedding lookup. */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (table.rank !== 2 || indices.dtype !== 'int32') {
    throw new Error(
      `gather: expected a table [V, D] and int32 indices, got ${formatShape(table.shape)} and ${indices.dtype} ${formatShape(indices.shape)}`,
    );
  }
  return applyOne(gatherOp, [table, indices], [...indices.shape, table.shape[1]!]);
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

/** One row of each item: x [B, T, D], positions [B] int32 → [B, D]. Picks the end token's features. */
export function gatherRows(x: Tensor, positions: Tensor): Tensor {
  if (x.rank !== 3 || positions.rank !== 1 || positions.dtype !== 'int32' || x.shape[0] !== positions.shape[0]) {
    throw new Error(`gatherRows: expected [B, T, D] and int32 [B], got ${formatShape(x.shape)} and ${formatShape(positions.shape)}`);
  }
  const [batch, tokens, width] = x.shape as [number | string, number, number];
  const steps: HostTensor = { shape: [1, tokens], data: Int32Array.from({ length: tokens }, (_, i) => i) };
  // A product with a one-hot row: works with a symbolic batch, on every device, and its gradient is another product.
  const chosen = cast(equal(reshape(positions, [batch, 1]), constant(steps)), 'float32'); // [B, T]
  return reshape(matmul(reshape(chosen, [batch, 1, tokens]), x), [batch, width]);
}
