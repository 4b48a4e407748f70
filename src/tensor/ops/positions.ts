import { normalizeAxis } from '../shape.js';
import { applyOne, constant, formatShape, type Op, type Tensor } from '../tensor.js';

const positionsOp: Op = {
  name: 'positions',
  emit(e, node, [like], outs) {
    const axis = node.attributes.axis as number;
    const [shape, size, wide] = [e.name(), e.name(), e.name()];
    e.node('Shape', [like!], [shape], { start: axis, end: axis + 1 });
    e.node('Squeeze', [shape, e.int64s([0])], [size]);
    e.node('Range', [e.int64(0), size, e.int64(1)], [wide]);
    e.node('Cast', [wide], outs, { to: e.elementType('int32') });
  },
  gradient: () => [undefined],
};

/**
 * 0, 1, … T − 1 for an axis of `like` of size T, which may be symbolic: [T] int32.
 *
 * @throws Error for an axis that there is not
 */
export function positions(like: Tensor, axis: number): Tensor {
  const at = normalizeAxis('positions', axis, like.shape);
  const size = like.shape[at]!;
  if (typeof size === 'number') {
    return constant({ shape: [size], data: Int32Array.from({ length: size }, (_, i) => i) });
  }
  return applyOne(positionsOp, [like], [size], { axis: at }, 'int32');
}

const argMaxOp: Op = {
  name: 'argMax',
  emit(e, node, [x], outs) {
    const wide = e.name();
    e.node('ArgMax', [x!], [wide], { axis: node.attributes.axis as number, keepdims: 0 });
    e.node('Cast', [wide], outs, { to: e.elementType('int32') });
  },
  gradient: () => [undefined],
};

/**
 * Position of the largest value along an axis, the first of equals, as int32; the axis goes away.
 *
 * @throws Error for an axis that there is not
 */
export function argMax(x: Tensor, axis = -1): Tensor {
  if (x.dtype === 'bool') throw new Error(`argMax: expected numbers, got bool ${formatShape(x.shape)}; cast them`);
  const at = normalizeAxis('argMax', axis, x.shape);
  return applyOne(
    argMaxOp,
    [x],
    x.shape.filter((_, i) => i !== at),
    { axis: at },
    'int32',
  );
}
