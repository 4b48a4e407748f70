import { requireFloat } from '../dtype.js';
import type { OnnxEmitter } from '../onnx-emitter.js';
import { elements, normalizeAxis, sameShape } from '../shape.js';
import { applyOne, formatShape, type Node, type Op, type Shape, type Tensor } from '../tensor.js';
import { reshape } from './layout.js';

const keepShape = (shape: Shape, axes: readonly number[]) => shape.map((d, i) => (axes.includes(i) ? 1 : d));

/** Numbers beyond which one sum in fp32 loses digits: of a million, three of seven. */
const LONG = 2 ** 16;

const sumOp: Op = {
  name: 'sum',
  emit(e, node, [x], outs) {
    const axes = node.attributes.axes as number[];
    const { shape, rank } = node.inputs[0]!;
    const known = shape.every((d) => typeof d === 'number');
    const edge = e.fused ? edgeOf(axes, shape) : undefined;
    if (edge) return sumAsProduct(e, node, edge, x!, outs[0]!);
    let rows = x!;
    if (axes.length === rank && rank > 1 && known && elements(shape as number[]) > LONG) {
      // First the rows' sums, then theirs.
      rows = e.name();
      e.node('ReduceSum', [x!, e.int64s([rank - 1])], [rows], { keepdims: 1 });
    }
    e.node('ReduceSum', [rows, e.int64s(axes)], outs, { keepdims: node.attributes.keepdims ? 1 : 0 });
  },
  gradient: (node, [dy]) => {
    const x = node.inputs[0]!;
    const kept = reshape(dy!, keepShape(x.shape, node.attributes.axes as number[]));
    return [expand(kept, x.sizes('sum'))];
  },
};

/** Whether the axes are the first or the last ones of several, all sizes being known. */
function edgeOf(axes: readonly number[], shape: Shape): 'rows' | 'columns' | undefined {
  if (axes.length === shape.length || shape.some((d) => typeof d === 'string')) return undefined;
  if (axes.every((axis, i) => axis === i)) return 'rows';
  return axes.every((axis, i) => axis === shape.length - axes.length + i) ? 'columns' : undefined;
}

/**
 * Σ over the rows of a matrix as 1ᵀ X, over its columns as X 1: ONNX Runtime's CPU sums rows in strides, while its product
 * reads the matrix as it lies. Measured: a half to a quarter of ReduceSum's time.
 */
function sumAsProduct(e: OnnxEmitter, node: Node, edge: 'rows' | 'columns', x: string, y: string): void {
  const sizes = node.inputs[0]!.sizes('sum');
  const summed = (node.attributes.axes as number[]).reduce((n, axis) => n * sizes[axis]!, 1);
  const kept = sizes.reduce((n, d) => n * d, 1) / summed;
  const shape = edge === 'rows' ? [1, summed] : [summed, 1];
  const ones = e.once(`ones:${shape}`, () => e.initializer({ shape, data: new Float32Array(summed).fill(1) }));
  const [matrix, total] = [e.name(), e.name()];
  e.node('Reshape', [x, e.int64s(edge === 'rows' ? [summed, kept] : [kept, summed])], [matrix]);
  e.node('MatMul', edge === 'rows' ? [ones, matrix] : [matrix, ones], [total]);
  e.node('Reshape', [total, e.int64s(node.outputs[0]!.sizes('sum'))], [y]);
}

/**
 * Sum over axes (all of them by default).
 *
 * @throws Error where x is not float32, or for an axis that there is not
 */
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

/**
 * The tensor broadcast to a larger shape.
 *
 * @throws Error for a shape that it does not broadcast to
 */
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

/**
 * x repeated once for each item of the first axis of `like`, which may be symbolic: [...] → [B, ...].
 *
 * @throws Error where sizes of x are symbolic
 */
export function repeatBatch(x: Tensor, like: Tensor): Tensor {
  const batch = like.shape[0];
  if (batch === undefined) throw new Error('repeatBatch: `like` has no axis to take the batch size from');
  if (typeof batch === 'number') return expand(x, [batch, ...x.sizes('repeatBatch')]);
  return applyOne(repeatBatchOp, [x, like], [batch, ...x.shape]);
}
