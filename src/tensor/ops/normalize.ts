import { requireFloat } from '../dtype.js';
import { normalizeAxis } from '../shape.js';
import { apply, applyOne, formatShape, type Op, type Tensor } from '../tensor.js';
import { add, div, exp, mul, sqrt, square, sub } from './arithmetic.js';
import { sum } from './broadcasting.js';
import { reshape } from './layout.js';
import { matmul } from './matmul.js';

const softmaxOp: Op = {
  name: 'softmax',
  emit: (e, node, ins, outs) => e.node('Softmax', ins, outs, { axis: node.attributes.axis as number }),
  gradient: (node, [dy]) => {
    const y = node.outputs[0]!;
    const axis = node.attributes.axis as number;
    return [mul(y, sub(dy!, sum(mul(dy!, y), [axis], true)))];
  },
};

/**
 * exp(x) / Σ exp(x) along an axis.
 *
 * @throws Error where x is not float32, or for an axis that there is not
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  requireFloat('softmax', x);
  return applyOne(softmaxOp, [x], x.shape, { axis: normalizeAxis('softmax', axis, x.shape) });
}

const logSoftmaxOp: Op = {
  name: 'logSoftmax',
  emit(e, node, [x], outs) {
    const axis = node.attributes.axis as number;
    if (e.fused) {
      e.node('LogSoftmax', [x!], outs, { axis });
      return;
    }
    // ONNX Runtime's WebGPU has no LogSoftmax and would send the logits to the CPU and back.
    const [largest, shifted, powers, total, logarithm] = Array.from({ length: 5 }, () => e.name()) as [
      string,
      ...string[],
    ];
    e.node('ReduceMax', [x!, e.int64s([axis])], [largest], { keepdims: 1 });
    e.node('Sub', [x!, largest], [shifted!]);
    e.node('Exp', [shifted!], [powers!]);
    e.node('ReduceSum', [powers!, e.int64s([axis])], [total!], { keepdims: 1 });
    e.node('Log', [total!], [logarithm!]);
    e.node('Sub', [shifted!, logarithm!], outs);
  },
  gradient: (node, [dy]) => {
    const axis = node.attributes.axis as number;
    return [sub(dy!, mul(exp(node.outputs[0]!), sum(dy!, [axis], true)))];
  },
};

/**
 * x − log Σ exp(x) along an axis.
 *
 * @throws Error where x is not float32, or for an axis that there is not
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  requireFloat('logSoftmax', x);
  return applyOne(logSoftmaxOp, [x], x.shape, { axis: normalizeAxis('logSoftmax', axis, x.shape) });
}

const layerNormOp: Op = {
  name: 'layerNorm',
  emit: (e, node, ins, outs) =>
    e.node('LayerNormalization', ins, outs, { axis: -1, epsilon: e.asFloat(node.attributes.eps as number) }),
  gradient: (node, [dy]) => {
    const [x, weight] = node.inputs as [Tensor, Tensor];
    const [, center, inverseDeviation] = node.outputs as [Tensor, Tensor, Tensor];
    const leading = x.shape.map((_, i) => i).slice(0, -1);
    const unit = mul(sub(x, center), inverseDeviation); // x̂
    const projected = mul(dy!, unit); // dy x̂
    // dx = (g − mean(g) − x̂ · mean(g x̂)) / σ with g = dy · weight; the means as products: no pass over memory for g x̂.
    const column = reshape(mul(weight, 1 / (weight.shape[0] as number)), [-1, 1]);
    const average = (y: Tensor) => matmul(y, column, { full: true });
    const dx = mul(sub(sub(mul(dy!, weight), average(dy!)), mul(unit, average(projected))), inverseDeviation);
    return [dx, sum(projected, leading), sum(dy!, leading)];
  },
};

/**
 * Layer normalisation over the last axis (Ba et al. 2016): (x − μ) / √(σ² + eps) · weight + bias.
 *
 * @throws Error where an operand is not float32, or the widths differ
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const width = x.shape.at(-1);
  requireFloat('layerNorm', x, weight, bias);
  if (weight.rank !== 1 || weight.shape[0] !== width || bias.rank !== 1 || bias.shape[0] !== width) {
    throw new Error(
      `layerNorm: weight ${formatShape(weight.shape)} and bias ${formatShape(bias.shape)} do not fit input ${formatShape(x.shape)}`,
    );
  }
  const statistics = [...x.shape.slice(0, -1), 1];
  return apply(layerNormOp, [x, weight, bias], [{ shape: x.shape }, { shape: statistics }, { shape: statistics }], {
    eps,
  })[0]!;
}

/** x / √(Σ x² + 1e-12) along an axis: unit length. */
export function l2Normalize(x: Tensor, axis = -1): Tensor {
  return div(x, sqrt(add(sum(square(x), [axis], true), 1e-12)));
}
