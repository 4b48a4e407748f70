import { addDims, normalizeAxis, sameShape } from '../shape.js';
import { applyOne, type Dim, formatShape, type Op, type Shape, type Tensor } from '../tensor.js';

const reshapeOp: Op = {
  name: 'reshape',
  emit(e, node, [x], outs) {
    const before = node.inputs[0]!.shape;
    const target = node.outputs[0]!.shape.map((d, i) => (typeof d === 'number' ? d : d === before[i] ? 0 : -1));
    e.node('Reshape', [x!, e.int64s(target)], outs, { allowzero: 0 });
  },
  gradient: (node, [dy]) => [reshape(dy!, node.inputs[0]!.shape)],
};

/**
 * The same elements in another shape; one axis may be −1 (inferred) in a static shape.
 *
 * @throws Error for a shape of another number of elements
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const symbolic = (s: Shape) => s.filter((d) => typeof d === 'string');
  const product = (s: Shape) => s.reduce<number>((a, d) => (typeof d === 'number' ? a * d : a), 1);
  let target: Dim[] = [...shape];
  const free = target.indexOf(-1);
  if (free >= 0) {
    const rest = product(target.filter((_, i) => i !== free));
    const missing = symbolic(x.shape).filter((d) => !target.includes(d));
    const known = product(x.shape) / rest;
    target = target.map((d, i) =>
      i !== free ? d : missing.length === 0 ? known : [...(known === 1 ? [] : [known]), ...missing].join('*'),
    );
  }
  // ONNX copies a symbolic size that keeps its place (0), and infers one more (−1).
  const moved = target.filter((d, i) => typeof d === 'string' && d !== x.shape[i]);
  if (moved.length > 1 || (symbolic(target).length === 0 && product(target) !== product(x.shape))) {
    throw new Error(`reshape: cannot make ${formatShape(shape)} of ${formatShape(x.shape)}`);
  }
  if (sameShape(target, x.shape)) return x;
  return applyOne(reshapeOp, [x], target, {}, x.dtype);
}

const transposeOp: Op = {
  name: 'transpose',
  emit: (e, node, ins, outs) => e.node('Transpose', ins, outs, { perm: node.attributes.perm as number[] }),
  gradient: (node, [dy]) => {
    const perm = node.attributes.perm as number[];
    return [
      transpose(
        dy!,
        perm.map((_, i) => perm.indexOf(i)),
      ),
    ];
  },
};

/**
 * Axes in another order; without one, the last two change places.
 *
 * @throws Error for an order that is none of the axes
 */
export function transpose(x: Tensor, perm?: readonly number[]): Tensor {
  const axes = x.shape.map((_, i) => i);
  const order = perm ? [...perm] : [...axes.slice(0, -2), x.rank - 1, x.rank - 2];
  if (x.rank < 2 || order.length !== x.rank || !axes.every((a) => order.includes(a))) {
    throw new Error(`transpose: ${formatShape(order)} is no order of the axes of ${formatShape(x.shape)}`);
  }
  return applyOne(
    transposeOp,
    [x],
    order.map((a) => x.shape[a]!),
    { perm: order },
    x.dtype,
  );
}

const concatOp: Op = {
  name: 'concat',
  emit: (e, node, ins, outs) => e.node('Concat', ins, outs, { axis: node.attributes.axis as number }),
  gradient: (node, [dy]) => {
    const axis = node.attributes.axis as number;
    let start = 0;
    return node.inputs.map((x) => {
      const end = start + (x.shape[axis] as number);
      const part = slice(dy!, axis, start, end);
      start = end;
      return part;
    });
  },
};

/**
 * Tensors joined along an axis; the other sizes must be equal.
 *
 * @throws Error for shapes that differ elsewhere, or an axis that there is not
 */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0];
  if (!first) throw new Error('concat: expected at least one tensor, got none');
  if (parts.length === 1) return first;
  const at = normalizeAxis('concat', axis, first.shape);
  let size: Dim = 0;
  for (const p of parts) {
    const fits =
      p.rank === first.rank && p.dtype === first.dtype && p.shape.every((d, i) => i === at || d === first.shape[i]);
    if (!fits) {
      throw new Error(`concat: ${formatShape(p.shape)} does not join ${formatShape(first.shape)} along axis ${at}`);
    }
    size = addDims('concat', size, p.shape[at]!);
  }
  return applyOne(
    concatOp,
    parts,
    first.shape.map((d, i) => (i === at ? size : d)),
    { axis: at },
    first.dtype,
  );
}

const sliceOp: Op = {
  name: 'slice',
  emit(e, node, [x], outs) {
    const { axis, start, end } = node.attributes as { axis: number; start: number; end: number };
    e.node('Slice', [x!, e.int64s([start]), e.int64s([end]), e.int64s([axis])], outs);
  },
  gradient: (node, [dy]) => {
    const { axis, start, end } = node.attributes as { axis: number; start: number; end: number };
    return [pad(dy!, axis, start, (node.inputs[0]!.shape[axis] as number) - end)];
  },
};

/**
 * Elements start … end − 1 along an axis; negative positions count from the end, but not on a symbolic axis.
 *
 * @throws Error for an axis that there is not, or a range outside of it
 */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  const at = normalizeAxis('slice', axis, x.shape);
  const size = x.shape[at];
  if (typeof size !== 'number') return sliceSymbolic(x, at, start, end);
  const from = start < 0 ? start + size : start;
  const to = end === undefined ? size : end < 0 ? end + size : end;
  if (from < 0 || to > size || from >= to) {
    throw new Error(`slice: ${start} to ${end ?? 'the end'} is out of range for axis ${at} of ${formatShape(x.shape)}`);
  }
  if (from === 0 && to === size) return x;
  return applyOne(
    sliceOp,
    [x],
    x.shape.map((d, i) => (i === at ? to - from : d)),
    { axis: at, start: from, end: to },
    x.dtype,
  );
}

function sliceSymbolic(x: Tensor, axis: number, start: number, end?: number): Tensor {
  if (start < 0 || (end !== undefined && end <= start)) {
    throw new Error(
      `slice: ${start} to ${end} cannot be cut from axis ${axis} of ${formatShape(x.shape)}: it is symbolic`,
    );
  }
  if (start === 0 && end === undefined) return x;
  const size = end === undefined ? addDims('slice', x.shape[axis]!, -start) : end - start;
  return applyOne(
    sliceOp,
    [x],
    x.shape.map((d, i) => (i === axis ? size : d)),
    { axis, start, end: end ?? Number.MAX_SAFE_INTEGER },
    x.dtype,
  );
}

const padOp: Op = {
  name: 'pad',
  emit(e, node, [x], outs) {
    const { axis, before, after } = node.attributes as { axis: number; before: number; after: number };
    const rank = node.inputs[0]!.rank;
    const pads = new Array<number>(2 * rank).fill(0);
    pads[axis] = before;
    pads[rank + axis] = after;
    e.node('Pad', [x!, e.int64s(pads)], outs, { mode: 'constant' });
  },
  gradient: (node, [dy]) => {
    const { axis, before } = node.attributes as { axis: number; before: number };
    return [slice(dy!, axis, before, before + (node.inputs[0]!.shape[axis] as number))];
  },
};

/**
 * Zeros put before and after the elements of an axis.
 *
 * @throws Error for an axis that there is not, or negative counts
 */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  const at = normalizeAxis('pad', axis, x.shape);
  const size = x.shape[at];
  if (typeof size !== 'number' || before < 0 || after < 0) {
    throw new Error(`pad: cannot put ${before} and ${after} zeros around axis ${at} of ${formatShape(x.shape)}`);
  }
  if (before === 0 && after === 0) return x;
  return applyOne(
    padOp,
    [x],
    x.shape.map((d, i) => (i === at ? size + before + after : d)),
    { axis: at, before, after },
  );
}
