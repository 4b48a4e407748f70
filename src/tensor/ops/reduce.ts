import { requireFloat } from '../dtype.js';
import { normalizeAxis } from '../shape.js';
import { applyOne, type Op, type Tensor } from '../tensor.js';
import { cast, div, equal, mul } from './arithmetic.js';
import { sum } from './broadcasting.js';
import { reshape } from './layout.js';

/**
 * Mean over axes (all of them by default).
 *
 * @throws Error for an axis that there is not, or a symbolic size
 */
export function mean(x: Tensor, axes?: readonly number[], keepdims = false): Tensor {
  const over = (axes ?? x.shape.map((_, i) => i)).map((a) => normalizeAxis('mean', a, x.shape));
  const count = over.reduce((n, a) => n * x.sizes('mean')[a]!, 1);
  return mul(sum(x, over, keepdims), 1 / count);
}

const maxOp: Op = {
  name: 'max',
  emit(e, node, [x], outs) {
    e.node('ReduceMax', [x!, e.int64s([node.attributes.axis as number])], outs, { keepdims: 0 });
  },
  gradient: (node, [dy]) => {
    const x = node.inputs[0]!;
    const kept = x.shape.map((d, i) => (i === node.attributes.axis ? 1 : d));
    const largest = cast(equal(x, reshape(node.outputs[0]!, kept)), 'float32');
    const share = div(largest, sum(largest, [node.attributes.axis as number], true));
    return [mul(share, reshape(dy!, kept))];
  },
};

/** Largest value along an axis, which goes away; equals share the gradient. */
export function max(x: Tensor, axis = -1): Tensor {
  requireFloat('max', x);
  const at = normalizeAxis('max', axis, x.shape);
  return applyOne(
    maxOp,
    [x],
    x.shape.filter((_, i) => i !== at),
    { axis: at },
  );
}
