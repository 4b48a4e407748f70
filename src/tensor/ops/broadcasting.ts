import { requireFloat } from '../dtype.js';
import { normalizeAxis, sameShape } from '../shape.js';
import { applyOne, formatShape, type Op, type Shape, type Tensor } from '../tensor.js';
import { reshape } from './layout.js';

const keepShape = (shape: Shape, axes: readonly number[]) => shape.map((d, i) => (axes.includes(i) ? 1 : d));

const sumOp: Op = {
  name: 'sum',
  emit: (e, node, [x], outs) =>
    e.node('ReduceSum', [x!, e.int64s(node.attributes.axes as number[])], outs, {
      keepdims: node.attributes.keepdims ? 1 : 0,
    }),
  gradient: (node, [dy]) => {
    const x = node.inputs[0]!;
    const kept = reshape(dy!, keepShape(x.shape, node.attributes.axes as number[]));
    return [expand(kept, x.sizes('sum'))];
  },
};

/** Sum over axes (all of them by default). */
export function sum(x: Tensor, axes?: readonly number[], keepdims = false): Tensor {
  requireFloat('sum', x);
  const over = (axes ?? x.shape.map((_, i) => i)).map((a) => normalizeAxis('sum', a, x.shape)).sort((a, b) => a - b);
  if (over.length === 0) return x;
  const shape = keepdims ? keepShape(x.shape, over) : x.shape.filter((_, i) => !over.includes(i));
  return applyOne(sumOp, [x], shape, { axes: over, keepdims });
}

/** Sums a cotangent over the axes that broadcasting added or stretched, back to `shape`. */
export function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const added = dy.rank - shape.length;
  const axes = dy.shape.flatMap((d, i) => (i < added || (shape[i - added] === 1 && d !== 1) ? [i] : []));
  const reduced = axes.length > 0 ? sum(dy, axes, true) : dy;
  return sameShape(reduced.shape, shape) ? reduced : reshape(reduced, shape);
}

const expandOp: Op = {
  name: 'expand',
  emit: (e, node, [x], outs) => e.node('Expand', [x!, e.int64s(node.outputs[0]!.sizes('expand'))], outs),
  gradient: (node, [dy]) => [unbroadcast(dy!, node.inputs[0]!.shape)],
};

/** The tensor broadcast to a larger shape. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const offset = shape.length - x.rank;
  if (offset < 0 || !x.shape.every((d, i) => d === 1 || d === shape[i + offset])) {
    throw new Error(`expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
  }
  return applyOne(expandOp, [x], shape, {}, x.dtype);
}

const repeatBatchOp: Op = {
  name: 'repeatBatch',
  emit(e, node, [x, like], outs) {
    const rest = node.inputs[0]!.sizes('repeatBatch');
    const batch = e.name();
    const shape = e.name();
    e.node('Shape', [like!], [batch], { start: 0, end: 1 });
    e.node('Concat', [batch, e.int64s(rest)], [shape], { axis: 0 });
    e.node('Expand', [x!, shape], outs);
  },
  gradient: (_, [dy]) => [sum(dy!, [0]), undefined],
};

/** x repeated once for each item of the first axis of `like`, which may be symbolic: [...] → [B, ...]. */
export function repeatBatch(x: Tensor, like: Tensor): Tensor {
  const batch = like.shape[0];
  if (batch === undefined) throw new Error('repeatBatch: `like` has no axis to take the batch size from');
  if (typeof batch === 'number') return expand(x, [batch, ...x.sizes('repeatBatch')]);
  return applyOne(repeatBatchOp, [x, like], [batch, ...x.shape]);
}
